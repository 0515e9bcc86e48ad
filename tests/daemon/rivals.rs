//! Others that answer DHCP on the link: a real dnsmasq rings, and of two rackstarts one serves.

use std::net::{SocketAddrV4, UdpSocket};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::support::dhcp_packets::{Parts, packet};
use crate::support::network_lab::{CARD, Frame, Machine, Sniffer, inside, lay_cable};
use crate::support::serving::{PROGRAM, Serving};

/// The other server's card, which no node has.
const ITS_CARD: &str = "02:00:00:00:00:fd";
/// A new server rings within 30 s; ten times that on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine on the link with this address, whose card is no node's.
fn other_server(address: &str) -> Machine {
    let machine = Machine::plugged_in();
    machine.run(&format!("ip link set {CARD} address {ITS_CARD}"));
    machine.run(&format!("ip address add {address}/24 dev {CARD}"));
    machine.run("ip link set lo up");
    machine
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} until {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_real_dnsmasq_on_the_link_rings_with_its_address_and_card_in_status_and_log() {
    inside(|| {
        lay_cable();
        let machine = other_server("192.168.0.9");
        let serving = Serving::started(Serving::plain);
        assert!(!serving.says(&["status"]).contains("two servers answer"));
        let folder = tempfile::tempdir().unwrap();
        let leases = format!("--dhcp-leasefile={}", folder.path().join("leases").display());
        let pid_file = format!("--pid-file={}", folder.path().join("pid").display());
        let dnsmasq = "dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root --bind-interfaces --log-dhcp";
        let range = "--dhcp-range=192.168.0.100,192.168.0.120,5m";
        let line = format!("{dnsmasq} --interface={CARD} {range} {leases} {pid_file}");
        let _dnsmasq = Ends(machine.spawn(&line));
        let began = Instant::now();
        let rings = |text: &str| text.contains("192.168.0.9") && text.contains(ITS_CARD);
        until("the alarm rings", || rings(&serving.says(&["status"])));
        println!("dnsmasq rang after {:?}", began.elapsed());
        let status = serving.says(&["status"]);
        assert!(status.starts_with("two servers answer"), "{status}");
        assert!(rings(&serving.log()) && serving.log().contains("ALARM"), "{}", serving.log());
        // The alarm rings and the daemon goes on: a node is answered all the same.
        let sniffer = Sniffer::new();
        asks(&machine);
        assert!(offers(&sniffer).contains(&[192, 168, 0, 254]));
        serving.edit("dhcp_rivals = \"alarm\"", "dhcp_rivals = \"allow\"");
        serving.says(&["reload"]);
        until("an allowed one rings no more", || !serving.says(&["status"]).contains("two servers answer"));
    });
}

/// compute2 is switched on somewhere on the link.
fn asks(machine: &Machine) {
    let socket = machine.socket(|| Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap());
    socket.set_reuse_address(true).unwrap();
    socket.bind_device(Some(CARD.as_bytes())).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.bind(&"0.0.0.0:68".parse::<SocketAddrV4>().unwrap().into()).unwrap();
    UdpSocket::from(socket).send_to(&packet("ipxe-rom-bios-discover"), "255.255.255.255:67").unwrap();
}

/// Which servers offer an address within some seconds.
fn offers(sniffer: &Sniffer) -> Vec<[u8; 4]> {
    let mut found = Vec::new();
    let _ = sniffer.wait_for(Duration::from_secs(3), |bytes| {
        let frame = Frame::of(bytes).filter(|frame| frame.ports == (67, 68))?;
        if !Parts::of(&frame.payload).yiaddr.is_unspecified() && !found.contains(&frame.from) {
            found.push(frame.from);
        }
        None::<()>
    });
    found
}

#[test]
fn of_two_rackstarts_the_later_one_is_passive_says_so_and_serves_when_both_are_allowed() {
    inside(|| {
        lay_cable();
        let machine = other_server("192.168.0.253");
        let first = Serving::started(Serving::plain);
        let allowed = |folder: &std::path::Path, word: &str| {
            let file = folder.join("rackstart.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text
                .replace("interface = \"br0\"", &format!("interface = \"{CARD}\""))
                .replace("address = \"192.168.0.254\"", "address = \"192.168.0.253\"")
                .replace("dhcp_rivals = \"alarm\"", &format!("dhcp_rivals = \"{word}\""));
            std::fs::write(file, text).unwrap();
        };
        let second = Serving::started(|folder| {
            allowed(folder, "alarm");
            let mut command = Command::new("nsenter");
            command.args(["--target", &machine.id().to_string(), "--net", PROGRAM, "serve"]);
            command
        });
        let status = second.says(&["status"]);
        assert!(status.contains("this rackstart is passive") && status.contains("192.168.0.254"), "{status}");
        let sniffer = Sniffer::new();
        asks(&machine);
        assert_eq!(offers(&sniffer), [[192, 168, 0, 254]]);
        let told = second.says(&["explain", "compute2"]);
        assert!(told.contains("this rackstart is passive: another one, 192.168.0.254"), "{told}");
        until("the first one rings", || first.says(&["status"]).contains("192.168.0.253"));
        assert!(!first.says(&["status"]).contains("is passive"), "the first one serves");
        allowed(second.folder.path(), "allow");
        second.says(&["reload"]);
        until("the second one serves too", || {
            asks(&machine);
            offers(&sniffer).contains(&[192, 168, 0, 253])
        });
        assert!(!second.says(&["status"]).contains("two servers answer"));
    });
}
