//! What TFTP may serve: boot programs from memory, and, for loaders that know no HTTP, boot scripts and the files that
//! these name. Whatever may wait is made elsewhere, and the transfer begins once it is there.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, Weak};

use axum::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::appliance::Appliance;
use super::capacity::{Capacity, descriptors};
use super::dhcp::rivals::Rivals;
use super::firmware;
use super::lock::lock;
use super::nodes::boot::{Told, script_by_tftp};
use super::served::Served;
use super::tftp::{Found, NotServed, Places, TftpContent};
use crate::boot::{ClientArch, is_grub_start, known_uuid};
use crate::media::Media;
use crate::render::ScriptFor;
use crate::site::{Mac, Platform};

/// The largest file of an install tree that is served by TFTP, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// The only folder of install trees that is served by TFTP: what comes after it is fetched over HTTP.
const BOOT_FILES: &str = "images/pxeboot/";

/// The content of TFTP.
pub(super) struct Programs {
    appliance: Appliance,
    rivals: Arc<Rivals>,
    /// Where scripts are made and files are read.
    elsewhere: Handle,
    files: Arc<TreeFiles>,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    GrubStart,
    Autoexec,
    Script(Mac, ScriptFor, Option<&'a str>),
    TreeFile { tree: &'a str, path: String },
    Nothing,
}

/// Reads a name as the machine with this card means it.
fn meaning<'a>(parts: &[&'a str], mac: Mac, lpxelinux: bool) -> Named<'a> {
    let own = |written: &str| written.parse() == Ok(mac);
    match parts {
        ["boot", card, "grub", uuid] if own(card) => {
            Named::Script(mac, ScriptFor::Grub { http: false }, known_uuid(uuid))
        }
        // pxelinux asks by UUID first, then by the type and the address of the card, then by address.
        [.., "pxelinux.cfg", name] if name.strip_prefix("01-").is_some_and(own) => {
            Named::Script(mac, ScriptFor::Pxelinux { http: lpxelinux }, None)
        }
        ["tree", tree, rest @ ..] => Named::TreeFile { tree, path: rest.join("/") },
        [.., name] if is_grub_start(name) => Named::GrubStart,
        [.., "autoexec.ipxe"] => Named::Autoexec,
        _ => Named::Nothing,
    }
}

impl Programs {
    /// Must be called within the runtime in which scripts are made.
    pub(super) fn new(appliance: Appliance, rivals: Arc<Rivals>) -> Self {
        Self { appliance, rivals, elsewhere: Handle::current(), files: Arc::default() }
    }

    fn later(&self, client: Ipv4Addr, mac: Mac, name: &str, served: Arc<Served>) -> Option<Found> {
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        let site = &served.site;
        let lpxelinux = site.own_loader(Platform::Bios).and_then(|own| own.programs.first());
        let lpxelinux = lpxelinux.is_some_and(|program| program.name.starts_with("lpxelinux"));
        let appliance = self.appliance.clone();
        let (found, later) = oneshot::channel();
        match meaning(&parts, mac, lpxelinux) {
            Named::Nothing => return None,
            Named::GrubStart => {
                let http = speaks_http(&served, mac, &parts);
                self.elsewhere.spawn_blocking(move || {
                    let text = served.renderer.grub_start(&served.site, mac, http);
                    found.send(text.map(Bytes::from).map_err(|error| NotServed { text: error.to_string() }))
                });
            }
            Named::Autoexec => {
                let arch = appliance.recent.arch(mac).unwrap_or(ClientArch::EFI_X64);
                self.elsewhere.spawn_blocking(move || {
                    let text = served.renderer.autoexec(&served.site, mac, arch);
                    found.send(text.map(Bytes::from).map_err(|error| NotServed { text: error.to_string() }))
                });
            }
            Named::Script(mac, reader, uuid) => {
                let told = Told::by_grub(uuid, appliance.recent.arch(mac));
                self.elsewhere.spawn(async move {
                    let text = script_by_tftp(&appliance, client, mac, reader, told).await;
                    found.send(text.map(Bytes::from).map_err(|error| NotServed { text: error.reason }))
                });
            }
            Named::TreeFile { tree, path } => {
                let place = site.install_tree(tree)?.path.clone();
                let is_boot_file = path.strip_prefix(BOOT_FILES).is_some_and(|file| !file.contains('/'));
                if !is_boot_file || site.nodes.by_address(client).is_none() {
                    return None;
                }
                let (files, tree) = (self.files.clone(), tree.to_string());
                self.elsewhere.spawn_blocking(move || {
                    let read = || Media::open(&place).and_then(|media| media.read(&path, MAX_BYTES));
                    let bytes = files.get(&tree, &path, read).map_err(|error| NotServed { text: error.to_string() });
                    found.send(bytes)
                });
            }
        }
        Some(Found::Later(later))
    }
}

/// Whether the GRUB that looks for this name loads files over HTTP: it then does so from here on.
fn speaks_http(served: &Served, mac: Mac, parts: &[&str]) -> bool {
    let site = &served.site;
    let chain = |tree: &str| site.install_tree(tree)?.signed_chain(Platform::EfiX64).map(|chain| chain.speaks_http);
    let of_node = || chain(&site.node_by_mac(mac)?.install_tree);
    let known = match parts {
        ["signed", tree, ..] => chain(tree),
        // Its built-in folder; a loader of the operator's own may be any GRUB.
        _ if site.loaders.is_empty() => of_node(),
        _ => None,
    };
    // GRUB before 2.12 reaches port 80 only.
    known.unwrap_or(false) && site.server.http_port == 80
}

impl TftpContent for Programs {
    fn open(&self, client: Ipv4Addr, name: &str) -> Result<Found, NotServed> {
        if !self.knows(client) {
            return Err(NotServed { text: format!("{client} is reserved for no node and not in the discovery range") });
        }
        if let Some(other) = self.rivals.passive() {
            return Err(NotServed {
                text: format!("this rackstart is passive: another one, {other}, serves this network"),
            });
        }
        // Some firmware puts a slash, of either kind, before the boot file that DHCP named.
        if let Some(bytes) = firmware::by_name(name.trim_start_matches(['/', '\\'])) {
            return Ok(Found::Now(bytes));
        }
        let served = self.appliance.served();
        if let Some(bytes) = served.site.program(name) {
            return Ok(Found::Now(Bytes::from_owner(bytes)));
        }
        let later =
            self.appliance.machine_at(&served.site, client).and_then(|mac| self.later(client, mac, name, served));
        later.ok_or_else(|| NotServed { text: "no such network boot program; DHCP names the right one".into() })
    }

    fn knows(&self, client: Ipv4Addr) -> bool {
        self.is_node(client) || self.appliance.served.borrow().site.lends(client)
    }

    fn is_node(&self, client: Ipv4Addr) -> bool {
        self.appliance.served.borrow().site.nodes.by_address(client).is_some()
    }

    fn places(&self) -> Places {
        let capacity = Capacity::of(self.appliance.served.borrow().site.nodes.len(), descriptors());
        Places { nodes: capacity.transfers, strangers: capacity.stranger_transfers }
    }
}

/// Files of install trees that somebody reads at this moment: each is in memory once, however many machines read it.
#[derive(Default)]
struct TreeFiles {
    /// By the tree's name and the path in it.
    open: Mutex<HashMap<TreePath, Slot>>,
}

type TreePath = (String, String);
/// One file; locked while it is read.
type Slot = Arc<Mutex<Weak<Vec<u8>>>>;

impl TreeFiles {
    fn get(&self, tree: &str, path: &str, read: impl FnOnce() -> std::io::Result<Vec<u8>>) -> std::io::Result<Bytes> {
        let slot = self.slot((tree.to_string(), path.to_string()));
        // Whoever comes while the file is read waits for it instead of reading it again; other files are not held up.
        let mut known = lock(&slot);
        let file = match known.upgrade() {
            Some(file) => file,
            None => {
                let file = Arc::new(read()?);
                *known = Arc::downgrade(&file);
                file
            }
        };
        Ok(Bytes::from_owner(Shared(file)))
    }

    /// The slot of a file; those that nobody uses any more are dropped.
    fn slot(&self, file: TreePath) -> Slot {
        let mut open = lock(&self.open);
        open.retain(|_, slot| Arc::strong_count(slot) > 1 || lock(slot).strong_count() > 0);
        open.entry(file).or_default().clone()
    }
}

struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x52, 0x54, 0, 0xa8, 2, 1]);

    fn means(name: &str) -> Named<'_> {
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        meaning(&parts, MAC, true)
    }

    #[test]
    fn grub_finds_its_configuration_wherever_it_looks() {
        for name in [
            "/grub/grub.cfg",
            "signed/rocky9/grub.cfg-01-52-54-00-a8-02-01",
            "/EFI/BOOT/grub.cfg-C0A80002",
            "/debian-installer/amd64/grub/grub.cfg",
            "grub.cfg",
        ] {
            assert_eq!(means(name), Named::GrubStart, "{name}");
        }
        assert_eq!(means("/grub/x86_64-efi/command.lst"), Named::Nothing);
        assert_eq!(means("signed/rocky9/revocations_sbat.efi"), Named::Nothing);
    }

    #[test]
    fn a_script_is_only_for_the_machine_that_asks() {
        let grub = ScriptFor::Grub { http: false };
        let uuid = "11223344-5566-7788-0102-030405060708";
        assert_eq!(means(&format!("boot/52-54-00-a8-02-01/grub/{uuid}")), Named::Script(MAC, grub, Some(uuid)));
        assert_eq!(means("/boot/52-54-00-a8-02-01/grub/unknown"), Named::Script(MAC, grub, None));
        assert_eq!(means("boot/52-54-00-a8-03-01/grub/unknown"), Named::Nothing, "another node");
        let pxelinux = ScriptFor::Pxelinux { http: true };
        assert_eq!(means("bios/pxelinux.cfg/01-52-54-00-a8-02-01"), Named::Script(MAC, pxelinux, None));
        assert_eq!(means("pxelinux.cfg/C0A80002"), Named::Nothing);
        assert_eq!(means("bios/pxelinux.cfg/44332211-6655-8877-0102-030405060708"), Named::Nothing);
        assert_eq!(means("efi-x64/autoexec.ipxe"), Named::Autoexec);
    }

    #[test]
    fn a_file_that_is_being_read_holds_up_no_other_file() {
        let files = TreeFiles::default();
        let other = || files.get("rocky9", "images/pxeboot/vmlinuz", || Ok(vec![7])).map(|bytes| bytes[0]);
        let slow = files.get("rocky9", "images/pxeboot/initrd.img", || Ok(vec![other()? + 1]));
        assert_eq!(slow.unwrap()[0], 8, "read while the first one is read");
    }

    #[test]
    fn a_file_is_in_memory_once_and_only_while_it_is_read() {
        let files = TreeFiles::default();
        let first = files.get("rocky9", "images/pxeboot/vmlinuz", || Ok(vec![7; 10])).unwrap();
        let again = files.get("rocky9", "images/pxeboot/vmlinuz", || panic!("it is there")).unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr());
        drop((first, again));
        let anew = files.get("rocky9", "images/pxeboot/vmlinuz", || Ok(vec![8; 10])).unwrap();
        assert_eq!(anew[0], 8, "an edited tree is read anew");
    }
}
