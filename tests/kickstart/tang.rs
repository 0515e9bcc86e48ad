//! Disks that Tang opens: the lines of the kickstart bind a real LUKS 2 volume with the real clevis to a real tangd.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rackstart::lifecycle::WipeScope;
use rackstart::plan::{Facts, plan};
use rackstart::render::{Renderer, StorageSecrets};
use rackstart::secrets::SecretValue;
use rackstart::site::{Mib, Node, Site, SizeSpec, Tang, TangServer};

use crate::grammar::shellcheck;
use crate::machine::{Machine, Run};
use crate::post_script::payload;
use crate::variants::{body, on, site, token};

const TANGD: &str = "/usr/libexec/tangd";
const KEYGEN: &str = "/usr/libexec/tangd-keygen";
const PASSPHRASE: &str = "correct-horse-battery";

/// A compute node whose last volume group is encrypted and opened by these servers.
pub fn encrypted(site: &Site, tang: Tang) -> Node {
    let mut node = site.node_by_name("compute2").unwrap().clone();
    let last = node.layout.volume_groups.last_mut().unwrap();
    last.encrypted = true;
    last.logical_volumes[0].size = SizeSpec::Grow(Mib(400));
    node.tang = Some(tang);
    node
}

/// A real tangd for each connection, as inetd would start it, until it is dropped.
struct Server {
    address: String,
    folder: tempfile::TempDir,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new(KEYGEN).arg(folder.path()).status();
        assert!(made.expect("tangd is missing: `make setup` installs it").success());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ends = Arc::new(AtomicBool::new(false));
        let (over, keys) = (ends.clone(), folder.path().to_path_buf());
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                serve(&keys, stream);
            }
        });
        Self { address, folder, ends, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The thumbprint of the key that signs, computed by jose.
    fn thumbprint(&self) -> String {
        let keys = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut signing = keys.filter(|key| std::fs::read_to_string(key).unwrap().contains("\"verify\""));
        let key: PathBuf = signing.next().unwrap();
        let output = Command::new("jose").args(["jwk", "thp", "-a", "S256", "-i"]).arg(key).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(keys: &Path, stream: TcpStream) {
    let (input, output) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
    let mut tangd = Command::new(TANGD);
    tangd.arg(keys).stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null());
    tangd.status().unwrap();
}

/// A machine in which the installer made one encrypted partition, with the storage commands where `%pre` left them.
fn machine(site: &Site, node: &Node) -> Machine {
    let machine = Machine::new();
    payload(&machine, "");
    let plan = plan(node).unwrap();
    let secrets = StorageSecrets { passphrase: Some(SecretValue::new(PASSPHRASE.into()).unwrap()), registry: None };
    let renderer = Renderer::new().unwrap();
    let storage = renderer.storage_answer(node, &plan, &on("sda"), WipeScope::BlankDiskOnly, &[], &secrets).unwrap();
    assert_eq!(storage.matches(PASSPHRASE).count(), 1, "{storage}");
    machine.write("root/tmp/rackstart-storage.ks", storage);
    machine.write("root/etc/fstab", "");
    machine.link("root/mnt/sysroot", "..");
    machine.write("root/sys/block/dm-0/dm/uuid", "LVM-1\n");
    machine.write("root/sys/block/dm-1/dm/uuid", "CRYPT-LUKS2-1-luks-1\n");
    machine.write("root/sys/block/dm-1/dm/name", "luks-1\n");
    machine.write("root/sys/block/dm-1/slaves/sda3", "");
    std::fs::File::create(machine.path("root/dev/sda3")).unwrap().set_len(32 << 20).unwrap();
    let fast = ["luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
    machine.write("key", PASSPHRASE);
    let mut format = Command::new("cryptsetup");
    let made = format.args(fast).arg(machine.path("root/dev/sda3")).arg(machine.path("key")).status().unwrap();
    assert!(made.success());
    // Nothing but the folder differs from the real one; what it starts is real.
    machine.program("chroot", "shift; exec \"${@/#\\/dev\\//$MACHINE/root/dev/}\"");
    machine.program("grubby", "");
    machine.program("dracut", "");
    let kickstart = renderer.kickstart_whole(site, node, &token(), &on("sda"), WipeScope::BlankDiskOnly).unwrap();
    assert_eq!(rackstart::grammar::check(node.release, &kickstart), []);
    for opening in [BIND, END] {
        shellcheck(&body(&kickstart, opening), opening);
    }
    machine
}

const BIND: &str = "%post --nochroot --interpreter=/bin/bash --log=/tmp/rackstart-tang.log";
const END: &str = "%post --interpreter=/bin/bash --log=/var/log/rackstart/post.log";

/// Runs both scripts of the kickstart, in its order.
fn finish(machine: &Machine, site: &Site, node: &Node) -> Run {
    let kickstart = Renderer::new().unwrap().kickstart(site, node, &token()).unwrap();
    assert!(!kickstart.contains(PASSPHRASE));
    assert!(kickstart.find(BIND).unwrap() < kickstart.find(END).unwrap());
    let bind = machine.run(&body(&kickstart, BIND));
    assert!(bind.ok && bind.said.is_empty() && !bind.calls.contains(PASSPHRASE), "{}{}", bind.calls, bind.said);
    machine.run(&body(&kickstart, END))
}

fn clevis(words: &[&str], machine: &Machine) -> (bool, String) {
    let output = Command::new("clevis").args(words).arg("-d").arg(machine.path("root/dev/sda3")).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Whether these words open the volume.
fn opens(machine: &Machine, passphrase: &str) -> bool {
    machine.write("try", passphrase);
    let mut cryptsetup = Command::new("cryptsetup");
    cryptsetup.args(["open", "--test-passphrase", "--key-file"]).arg(machine.path("try"));
    cryptsetup.arg(machine.path("root/dev/sda3")).stderr(Stdio::null()).status().unwrap().success()
}

fn of(servers: Vec<TangServer>, threshold: usize) -> (Site, Node) {
    let site = site("9", "bios");
    let node = encrypted(&site, Tang { servers, threshold });
    (site, node)
}

fn named(server: &Server) -> TangServer {
    TangServer { url: server.url(), thumbprint: server.thumbprint() }
}

#[test]
fn a_real_volume_is_bound_to_a_real_server_and_opens_only_while_it_answers() {
    let server = Server::start();
    let (site, node) = of(vec![named(&server)], 1);
    let machine = machine(&site, &node);
    let run = finish(&machine, &site, &node);
    assert!(run.ok && run.said.is_empty(), "{}\n{}\n{}", run.console, run.said, run.calls);
    assert!(
        run.calls.contains("grubby --update-kernel=ALL --args=rd.neednet=1 rd.luks.uuid=luks-1\n"),
        "{}",
        run.calls
    );
    assert!(run.calls.contains("dracut -f --regenerate-all\n") && run.calls.contains("event=installed"));
    let facts = std::fs::read_to_string(machine.path("facts")).unwrap();
    let facts = Facts::parse(&facts).unwrap();
    assert_eq!(facts.bindings, [("sda3".to_string(), server.url())]);
    let (answered, other) = clevis(&["luks", "pass", "-s", "1"], &machine);
    assert!(answered && opens(&machine, other.trim()), "what Tang yields opens the volume");
    assert!(opens(&machine, PASSPHRASE) && !opens(&machine, "correct-horse"), "the passphrase stays");
    drop(server);
    assert!(!clevis(&["luks", "pass", "-s", "1"], &machine).0, "without the server nothing is yielded");
}

#[test]
fn several_servers_open_a_volume_when_as_many_answer_as_the_site_file_says() {
    let (first, second) = (Server::start(), Server::start());
    for threshold in [1, 2] {
        let (site, node) = of(vec![named(&first), named(&second)], threshold);
        let machine = machine(&site, &node);
        let run = finish(&machine, &site, &node);
        assert!(run.ok, "{}\n{}", run.console, run.said);
        let facts = Facts::parse(&std::fs::read_to_string(machine.path("facts")).unwrap()).unwrap();
        assert_eq!(facts.bindings.len(), 2, "{:?}", facts.bindings);
        // One of the two servers loses its keys.
        let kept = second.folder.path().join("kept");
        std::fs::create_dir_all(&kept).unwrap();
        let keys = || std::fs::read_dir(second.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        for key in keys().filter(|path| path.is_file()) {
            std::fs::rename(&key, kept.join(key.file_name().unwrap())).unwrap();
        }
        assert_eq!(clevis(&["luks", "pass", "-s", "1"], &machine).0, threshold == 1);
        for key in std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()) {
            std::fs::rename(&key, second.folder.path().join(key.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn another_key_or_a_server_that_is_away_fails_the_installation_and_names_the_server() {
    let server = Server::start();
    let stranger = Server::start();
    let wrong = TangServer { url: server.url(), thumbprint: stranger.thumbprint() };
    let away = named(&stranger);
    drop(stranger);
    for named in [wrong, away] {
        let url = named.url.clone();
        let (site, node) = of(vec![named], 1);
        let machine = machine(&site, &node);
        let run = finish(&machine, &site, &node);
        assert!(!run.ok, "{}", run.console);
        let why = format!("event=install-failed seq=102 detail=cannot bind sda3 to {url}; check whether it answers");
        assert!(run.calls.contains(&why) && run.console.contains("FAILED: cannot bind sda3 to"), "{}", run.calls);
        assert!(!run.calls.contains("event=installed") && !run.calls.contains("\ninstall\n"), "{}", run.calls);
        assert_eq!(clevis(&["luks", "list"], &machine).1, "");
        assert!(opens(&machine, PASSPHRASE));
    }
}
