//! compute2 beside the daemon: a machine with its MAC and address that plays iPXE and the installer with curl.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use crate::support::network_lab::{CARD, Machine, lay_cable};
use crate::support::serving::Serving;

pub const BOOT: &str = "http://192.168.0.254/boot/52-54-00-a8-02-01";

/// Table 2 as the installer finds it.
pub const FACTS: &str = "\
label sda msdos
partition sda 1 2048 1024000
partition sda 2 1026048 43008000
partition sda 3 44034048 444362752
pv /dev/sda2 vg_base P-base
pv /dev/sda3 vg_gluster P-gluster
vg vg_base V-base 8192 5249 0
vg vg_gluster V-gluster 8192 54243 0
lv vg_base lv_root L-root 20480000
lv vg_base lv_swap L-swap 12288000
swap vg_base lv_swap
lv vg_base lv_home L-home 10231808
lv vg_gluster lv_gluster L-gluster 444358656
mount /dev/mapper/vg_base-lv_root / ext4
mount /dev/sda1 /boot ext4
mount /dev/mapper/vg_base-lv_home /home ext4
mount /dev/mapper/vg_gluster-lv_gluster /export/gluster xfs
end
";

/// A daemon and compute2.
pub struct Rack {
    pub serving: Serving,
    pub machine: Machine,
    /// The name of the node that the machine is.
    pub node: &'static str,
    /// Where its boot script is.
    pub boot: &'static str,
}

impl Deref for Rack {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.serving
    }
}

impl DerefMut for Rack {
    fn deref_mut(&mut self) -> &mut Serving {
        &mut self.serving
    }
}

impl Rack {
    pub fn powered() -> Self {
        Self::powered_with(|_| ())
    }

    /// Like [`Rack::powered`], with a site whose folder `prepare` changes before the daemon starts.
    pub fn powered_with(prepare: impl FnOnce(&Path)) -> Self {
        lay_cable();
        let machine = Machine::plugged_in();
        machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
        let serving = Serving::started(|folder| {
            prepare(folder);
            Serving::plain(folder)
        });
        Self { serving, machine, node: "compute2", boot: BOOT }
    }

    pub fn state(&self) -> String {
        let report: serde_json::Value = serde_json::from_str(&self.says(&["status", "--json"])).unwrap();
        let node = report["nodes"].as_array().unwrap().iter().find(|node| node["name"] == self.node).unwrap();
        node["state"].as_str().unwrap().to_string()
    }

    /// Boots iPXE; returns the token if the installer is started.
    pub fn boots(&self) -> Option<String> {
        let script = self.machine.run(&format!("curl -sSf -m 5 {}", self.boot));
        Some(script.split("/kickstart/").nth(1)?[..32].to_string())
    }

    pub fn posts(&self, path: &str, form: &str) -> String {
        let url = format!("http://192.168.0.254/{path}");
        self.machine.run(&format!("curl -sS -m 5 -o /dev/null -w %{{http_code}} -d {form} {url}"))
    }

    pub fn redeems(&self, token: &str) -> String {
        self.posts(&format!("permit/{token}"), "disk=sda&sectors=488397168&sector_size=512&blank=yes")
    }

    /// Reports that the disk is as Table 2 wants it.
    pub fn attests(&self, token: &str) -> String {
        let file = self.folder.path().join("facts");
        std::fs::write(&file, FACTS).unwrap();
        let url = format!("http://192.168.0.254/facts/{token}");
        let form = format!("-H content-type:text/plain --data-binary @{}", file.display());
        self.machine.run(&format!("curl -sS -m 5 -o /dev/null -w %{{http_code}} {form} {url}"))
    }

    /// Goes through its whole installation and firstboot; returns the token of that boot.
    pub fn becomes_ready(&self) -> String {
        let token = self.boots().expect("armed");
        assert_eq!((self.redeems(&token), self.attests(&token)), ("200".into(), "204".into()));
        assert_eq!(self.posts(&format!("report/{token}"), "event=ready&seq=1"), "204");
        token
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
