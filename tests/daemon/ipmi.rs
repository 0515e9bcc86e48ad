//! A node's BMC that speaks IPMI: ipmitool, as the daemon starts it, with ipmi_sim of the OpenIPMI project.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::power::{set_password, with_power};
use crate::support::network_lab::{Machine, inside, lay_cable};
use crate::support::serving::Serving;

const PASSWORD: &str = "BMC-canary-7x9";
/// What ipmi_sim calls for the machine below it: `get power boot`, `set power 1`, `set boot pxe`.
const CHASSIS: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit
[ "$1" != get ] || for word in power boot; do
    case " $* " in *" $word "*) echo "$word:$(cat "$word" 2>/dev/null || { [ $word = boot ] && echo none || echo 0; })" ;; esac
done
[ "$1" != set ] || { shift; while [ $# -gt 1 ]; do echo "$2" >"$1"; echo "$1 $2" >>calls; shift 2; done; }
"#;

/// The folder with the programs that `tests/support/setup` unpacked.
fn clients() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/clients");
    assert!(folder.join("usr/bin/ipmi_sim").is_file(), "{} lacks ipmi_sim: tests/support/setup", folder.display());
    folder
}

fn libraries() -> String {
    let folder = |place: &str| clients().join(place).display().to_string();
    format!("{}:{}", folder("usr/lib/x86_64-linux-gnu"), folder("lib/x86_64-linux-gnu"))
}

fn executable(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The simulated BMC, which is ended with the test.
struct Simulator {
    folder: tempfile::TempDir,
    process: Child,
}

impl Simulator {
    fn started() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        executable(&at("chassis"), CHASSIS);
        let user = |number: u8, name: &str, password: &str, level: &str| {
            format!("  user {number} true \"{name}\" \"{password}\" {level} 10 none md2 md5 straight\n")
        };
        let settings = format!(
            "name \"rack\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 623\n    priv_limit admin\n\
             \x20   allowed_auths_admin none md2 md5 straight\n    guid a123456789abcdefa123456789abcdef\n  endlan\n\
             \x20 chassis_control \"{}\"\n{}{}",
            at("chassis").display(),
            user(1, "", "test", "user"),
            user(2, "rackstart", PASSWORD, "admin"),
        );
        std::fs::write(at("lan.conf"), settings).unwrap();
        let controller =
            "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n";
        std::fs::write(at("controller"), controller).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let mut command = Command::new(clients().join("usr/bin/ipmi_sim"));
        command.arg("-n").arg("-c").arg(at("lan.conf")).arg("-f").arg(at("controller")).arg("-s").arg(at("state"));
        command.env("LD_LIBRARY_PATH", libraries()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        Self { folder, process }
    }

    /// What the machine below it was told.
    fn calls(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_node_is_switched_over_ipmi_and_a_wrong_password_is_called_one() {
    inside(|| {
        lay_cable();
        let _node = Machine::plugged_in();
        let bmc = Simulator::started();
        let key = |user: &str| format!("{{ ipmi = \"127.0.0.1\", user = \"{user}\" }}");
        let serving = Serving::started(|folder| {
            with_power(folder, &key("rackstart"));
            let (programs, place) = (folder.join("programs"), clients().join("usr/bin/ipmitool"));
            std::fs::create_dir(&programs).unwrap();
            let run = format!("#!/bin/sh\nLD_LIBRARY_PATH={} exec {} \"$@\"\n", libraries(), place.display());
            executable(&programs.join("ipmitool"), &run);
            let mut command = Serving::plain(folder);
            command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display()));
            command
        });
        let power = |what: &str| serving.says(&["power", "compute2", what, "--yes"]);
        let fails = |what: &str| serving.fails(&["power", "compute2", what, "--yes"]).1;

        set_password(&serving, "another-password");
        let said = fails("status");
        assert!(said.contains("refuses the account `rackstart`"), "{said}");
        set_password(&serving, PASSWORD);
        // The simulator does not know the question for its ciphers, so ipmitool asks ten seconds long in each call.
        power("on");
        power("pxe");
        assert!(power("status").contains("compute2 is on\n"));
        serving.says(&["power", "compute2", "off", "--force", "--yes"]);
        assert_eq!(bmc.calls(), "power 1\nboot pxe\npower 0\n");

        // An account that is not there, and no BMC at all.
        with_power(serving.folder.path(), &key("nobody"));
        serving.says(&["reload"]);
        let said = fails("status");
        assert!(said.contains("refuses the account `nobody`"), "{said}");
        drop(bmc);
        let said = fails("status");
        assert!(said.contains("127.0.0.1:623") && said.contains("IPMI over LAN"), "{said}");
        let audit = serving.says(&["audit"]);
        for (place, text) in [("audit", audit), ("log", serving.log()), ("status", serving.says(&["status"]))] {
            assert!(!text.contains(PASSWORD) && !text.contains("another-password"), "{place}: {text}");
        }
    });
}
