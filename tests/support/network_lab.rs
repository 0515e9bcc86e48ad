//! A network of its own for one test: namespaces in which the test is root, a bridge with rackstart's address, and a
//! cable to a machine. Needs no privilege and never touches the host's network.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::again::behind;

/// rackstart's side: a bridge, as on a host of virtual machines.
pub const BRIDGE: &str = "br0";
/// The machine's end of the cable.
pub const CARD: &str = "node0";
/// The MAC of compute2.
pub const COMPUTE2: [u8; 6] = [0x52, 0x54, 0, 0xa8, 2, 1];

/// Runs `body`, a closure in a test, in fresh user and network namespaces.
pub fn inside(body: impl FnOnce()) {
    inside_with(&[], body);
}

/// Like [`inside`], with a command before the program inside, for example one that drops a capability.
pub fn inside_with(prefix: &[&str], body: impl FnOnce()) {
    behind(&[&["unshare"], namespaces(), &["--"], prefix].concat(), body);
}

/// Like [`inside`] without a user namespace, so that root stays root and other users exist.
pub fn inside_as_root(body: impl FnOnce()) {
    behind(&["unshare", "--net", "--"], body);
}

/// User and network namespaces; where a host forbids user namespaces, root can do without.
fn namespaces() -> &'static [&'static str] {
    let works = |arguments: &[&str]| {
        let status = Command::new("unshare").args(arguments).arg("true").stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    for arguments in [&["--user", "--map-root-user", "--net"][..], &["--net"]] {
        if works(arguments) {
            return arguments;
        }
    }
    panic!(
        "this test needs a network of its own and `unshare --user --map-root-user --net` fails here: \
         allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu \
         kernel.apparmor_restrict_unprivileged_userns=0) or run it as root"
    );
}

/// Runs a command and insists that it works.
pub fn run(line: &str) -> String {
    let mut words = line.split_whitespace();
    let program = words.next().expect("a command");
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes the bridge with 192.168.0.254 and the cable. The card stays here until a `Machine` takes it.
pub fn lay_cable() {
    run("ip link set lo up");
    run(&format!("ip link add {BRIDGE} type bridge forward_delay 0"));
    run(&format!("ip link add port0 type veth peer name {CARD} address 52:54:00:a8:02:01"));
    run(&format!("ip link set port0 master {BRIDGE}"));
    run(&format!("ip address add 192.168.0.254/24 dev {BRIDGE}"));
    for link in [BRIDGE, "port0", CARD] {
        run(&format!("ip link set {link} up"));
    }
    let carrier = || run(&format!("ip link show {BRIDGE}")).contains("LOWER_UP");
    wait_until("the bridge is up", carrier);
}

/// A machine: a network namespace that owns the card.
pub struct Machine(Child);

impl Machine {
    /// A machine without a card.
    pub fn alone() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 600"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("ready");
        Self(child)
    }

    /// Moves the card into a namespace of its own and switches it on.
    pub fn plugged_in() -> Self {
        let machine = Self::alone();
        run(&format!("ip link set {CARD} netns {}", machine.0.id()));
        machine.run(&format!("ip link set {CARD} up"));
        // The kernel tells a bridge of a new carrier up to a second later.
        wait_until("the cable carries", || {
            let port = run("ip -details link show port0");
            port.contains("LOWER_UP") && port.contains("state forwarding")
        });
        machine
    }

    /// Lays a cable to a second card of the machine, on a network of its own: 10.9.9.1 here, 10.9.9.2 there.
    pub fn other_cable(&self) {
        run(&format!("ip link add port1 type veth peer name node1 netns {}", self.0.id()));
        run("ip address add 10.9.9.1/24 dev port1");
        run("ip link set port1 up");
        self.run("ip address add 10.9.9.2/24 dev node1");
        self.run("ip link set node1 up");
    }

    /// Runs a command on the machine.
    pub fn run(&self, line: &str) -> String {
        run(&format!("nsenter --target {} --net {line}", self.0.id()))
    }

    /// Starts a program on the machine, which the caller ends.
    pub fn spawn(&self, line: &str) -> Child {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--net"]).args(line.split_whitespace());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The process that holds its network namespace.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Makes a socket on the machine: a socket stays in the namespace that it was made in.
    pub fn socket(&self, make: impl FnOnce() -> Socket + Send) -> Socket {
        let namespace = File::open(format!("/proc/{}/ns/net", self.0.id())).expect("its network namespace");
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                enter(&namespace);
                make()
            });
            made.join().expect("a socket")
        })
    }
}

/// Moves the calling thread, and it alone, into a network namespace.
#[allow(unsafe_code)]
pub fn enter(namespace: &File) {
    // SAFETY: setns takes an open descriptor and a flag, and touches no memory of ours.
    let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "setns: {}", std::io::Error::last_os_error());
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sees every Ethernet frame of this namespace.
pub struct Sniffer(Socket);

impl Sniffer {
    pub fn new() -> Self {
        let every_protocol = i32::from(0x0003_u16.to_be());
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(every_protocol))).expect("CAP_NET_RAW");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Self(socket)
    }

    /// Waits for a frame that `wanted` takes; none after `patience`.
    pub fn wait_for<T>(&self, patience: Duration, mut wanted: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        let (end, mut buffer) = (Instant::now() + patience, [0; 4096]);
        while Instant::now() < end {
            let received = std::io::Read::read(&mut &self.0, &mut buffer);
            if let Ok(length) = received
                && let Some(found) = wanted(&buffer[..length])
            {
                return Some(found);
            }
        }
        None
    }
}

/// A UDP datagram in its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub to_mac: [u8; 6],
    pub to: [u8; 4],
    pub from: [u8; 4],
    pub ports: (u16, u16),
    pub payload: Vec<u8>,
}

impl Frame {
    /// Takes an Ethernet frame apart; none unless it is UDP in IPv4.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (ethernet, ip) = bytes.split_at_checked(14)?;
        if ethernet[12..] != [8, 0] || *ip.get(9)? != 17 || ip[0] != 0x45 {
            return None;
        }
        let udp = ip.get(20..28)?;
        let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        Some(Self {
            to_mac: ethernet[..6].try_into().ok()?,
            from: ip[12..16].try_into().ok()?,
            to: ip[16..20].try_into().ok()?,
            ports: (u16::from_be_bytes([udp[0], udp[1]]), u16::from_be_bytes([udp[2], udp[3]])),
            payload: ip.get(28..20 + length)?.to_vec(),
        })
    }
}

/// Waits as long as a busy machine may take: 30 seconds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "waited 30 seconds until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
