//! The DHCP server on real sockets: a bridge and a cable in namespaces of the test's own, an independent client
//! (busybox udhcpc), and a sniffer that sees how each reply travels.

use std::net::Ipv4Addr;
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rackstart::server::dhcp::{DhcpCounters, DhcpServer, Outcome, Seen};
use rackstart::site::*;
use rackstart::wire::dhcp::SilenceReason;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::dhcp_packets::{Parts, packet};
use crate::support::network_lab::{
    BRIDGE, CARD, COMPUTE2, Frame, Machine, Sniffer, inside, inside_with, lay_cable, run,
};
use crate::support::paper_site;

const PATIENCE: Duration = Duration::from_secs(3);
const EVERYBODY: [u8; 6] = [0xff; 6];

/// A server at work in a thread of its own.
struct Running {
    seen: mpsc::Receiver<Seen>,
    counters: Arc<DhcpCounters>,
    site: watch::Sender<Arc<Site>>,
    shutdown: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start() -> Self {
        let relays = vec![Ipv4Addr::new(192, 168, 0, 250)];
        let network = Network { relays, ..paper_site().network };
        Self::start_with(Site { network, ..paper_site() })
    }

    /// Lends five addresses to strangers.
    fn start_lending() -> Self {
        let discovery = Some((Ipv4Addr::new(192, 168, 0, 200), Ipv4Addr::new(192, 168, 0, 204)));
        let network = Network { discovery, ..paper_site().network };
        Self::start_with(Site { network, ..paper_site() })
    }

    fn start_with(site: Site) -> Self {
        let server = DhcpServer::bind(BRIDGE, Ipv4Addr::new(192, 168, 0, 254), 67).expect("bound");
        let counters = server.counters();
        let (site, newest) = watch::channel(Arc::new(site));
        let (tell, seen) = mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let observer = Arc::new(move |seen| drop(tell.lock().expect("not poisoned").send(seen)));
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(server.run(newest, stop, observer));
        });
        Self { seen, counters, site, shutdown, thread: Some(thread) }
    }

    fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("something was seen")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let ended = self.thread.take().expect("a thread").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

/// The card of a machine that boots: no address, port 68, broadcasts.
fn card(machine: &Machine) -> UdpSocket {
    udp(machine, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68))
}

fn udp(machine: &Machine, address: SocketAddrV4) -> UdpSocket {
    let socket = machine.socket(|| Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket"));
    socket.bind_device(Some(CARD.as_bytes())).expect("pinned to the card");
    socket.set_broadcast(true).expect("may broadcast");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.bind(&address.into()).expect("bound");
    socket.into()
}

fn ask(card: &UdpSocket, bytes: &[u8]) {
    card.send_to(bytes, "255.255.255.255:67").expect("sent");
}

/// The next reply of a server to a client.
fn next_reply(sniffer: &Sniffer) -> Option<Frame> {
    sniffer.wait_for(PATIENCE, |bytes| Frame::of(bytes).filter(|frame| frame.ports == (67, 68)))
}

/// What udhcpc, started on the machine, is given: `key=value` lines.
fn lease(machine: &Machine) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (script, lease) = (folder.path().join("script"), folder.path().join("lease"));
    let text = format!("#!/bin/sh\n[ $1 = bound ] && env > {}\nexit 0\n", lease.display());
    std::fs::write(&script, text).expect("the script");
    run(&format!("chmod 755 {}", script.display()));
    machine.run(&format!("busybox udhcpc -i {CARD} -f -n -q -t 5 -T 1 -s {}", script.display()));
    std::fs::read_to_string(&lease).expect("udhcpc is bound")
}

fn neighbours() -> String {
    run("ip -4 neighbour show")
}

#[test]
fn udhcpc_gets_its_lease_by_unicast_and_the_arp_table_stays_empty() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        let server = Running::start();
        let sniffer = Sniffer::new();
        let lease = lease(&machine);
        let settings = [
            "ip=192.168.0.2",
            "subnet=255.255.255.0",
            "router=192.168.0.1",
            "dns=192.168.0.254",
            "hostname=compute2",
            "lease=7200",
            "serverid=192.168.0.254",
            "siaddr=192.168.0.254",
        ];
        for setting in settings {
            assert!(lease.lines().any(|line| line == setting), "{setting} in\n{lease}");
        }
        let mut kinds = vec![];
        while let Some(frame) =
            sniffer.wait_for(Duration::from_millis(300), |bytes| Frame::of(bytes).filter(|f| f.ports == (67, 68)))
        {
            assert_eq!((frame.to_mac, frame.to), (COMPUTE2, [192, 168, 0, 2]), "unicast");
            assert_eq!(frame.from, [192, 168, 0, 254]);
            kinds.push(Parts::of(&frame.payload).options[&53][0]);
        }
        kinds.dedup();
        assert_eq!(kinds, [2, 5], "a DHCPOFFER and a DHCPACK, each seen at both ends of the bridge");
        assert!(!neighbours().contains("192.168.0.2 "), "{}", neighbours());
        assert_eq!(server.counters.acks.load(Ordering::Relaxed), 1);
        assert_eq!(server.counters.broadcast_instead.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn broadcast_flag_is_obeyed_on_the_wire() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        let _server = Running::start();
        let (card, sniffer) = (card(&machine), Sniffer::new());
        for name in ["ovmf-pxe-discover", "ovmf-http-discover", "undionly-discover"] {
            ask(&card, &packet(name));
            let frame = next_reply(&sniffer).expect(name);
            assert_eq!((frame.to_mac, frame.to), (EVERYBODY, [255; 4]), "{name}");
            assert!(!Parts::of(&frame.payload).file.is_empty(), "{name}");
            sniffer.wait_for(Duration::from_millis(200), |_| None::<()>);
        }
        for name in ["ipxe-rom-bios-discover", "snponly-efi-discover", "udhcpc-discover"] {
            ask(&card, &packet(name));
            let frame = next_reply(&sniffer).expect(name);
            assert_eq!((frame.to_mac, frame.to), (COMPUTE2, [192, 168, 0, 2]), "{name}");
            sniffer.wait_for(Duration::from_millis(200), |_| None::<()>);
        }
        assert!(!neighbours().contains("192.168.0.2 "), "{}", neighbours());
    });
}

#[test]
fn bad_packets_and_a_storm_of_strangers_cost_the_known_node_nothing() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        let server = Running::start();
        let (card, sniffer) = (card(&machine), Sniffer::new());
        for name in ["hlen-255", "no-magic-cookie"] {
            ask(&card, &packet(name));
        }
        ask(&card, b"");
        ask(&card, &[1; 5000]);
        let mut stranger = packet("unknown-mac-discover");
        for number in 0..3000u16 {
            stranger[32..34].copy_from_slice(&number.to_be_bytes());
            ask(&card, &stranger);
        }
        ask(&card, &packet("truncated-options"));
        let frame = next_reply(&sniffer).expect("the known node gets its offer");
        assert_eq!(frame.to_mac, COMPUTE2);
        let seen = loop {
            match server.next() {
                Seen { outcome: Outcome::Silent(_), .. } => {}
                other => break other,
            }
        };
        assert_eq!(seen.mac, Mac(COMPUTE2));
        assert!(matches!(seen.outcome, Outcome::Answered { boot_file: Some(_), .. }), "{seen:?}");
        assert_eq!(server.counters.malformed.load(Ordering::Relaxed), 4);
        assert_eq!(server.counters.panics.load(Ordering::Relaxed), 0);
        assert!(server.counters.silent.load(Ordering::Relaxed) >= 2000, "strangers were heard");
        assert_eq!(server.counters.offers.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn stranger_gets_a_lease_of_the_range_and_keeps_it_and_a_node_keeps_its_own() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        let _server = Running::start_lending();
        let lease = |mac: &str| {
            machine.run(&format!("ip link set {CARD} address {mac}"));
            let text = lease(&machine);
            let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(String::from);
            (value("ip=").expect("an address"), value("lease=").expect("a time"), value("router="))
        };
        let first = lease("02:00:00:99:00:01");
        assert_eq!(first, ("192.168.0.200".into(), "120".into(), None));
        assert_eq!(lease("02:00:00:99:00:02").0, "192.168.0.201");
        assert_eq!(lease("02:00:00:99:00:01"), first, "it keeps its address");
        assert_eq!(lease("52:54:00:a8:02:01").0, "192.168.0.2", "a node has its own");
    });
}

#[test]
fn three_thousand_strangers_get_five_addresses_and_the_known_node_its_own() {
    inside(|| {
        lay_cable();
        let (machine, server) = (Machine::plugged_in(), Running::start_lending());
        let (card, mut lent) = (card(&machine), vec![]);
        let mut stranger = packet("unknown-mac-discover");
        for number in 0..3000u16 {
            stranger[32..34].copy_from_slice(&number.to_be_bytes());
            ask(&card, &stranger);
        }
        ask(&card, &packet("truncated-options"));
        let seen = loop {
            match server.next() {
                Seen { outcome: Outcome::Answered { node: None, address, .. }, .. } => lent.push(address),
                Seen { outcome: Outcome::Silent(SilenceReason::AllLent(5)), .. } => {}
                other => break other,
            }
        };
        let answered = matches!(seen.outcome, Outcome::Answered { node: Some(_), .. });
        assert!(answered && seen.mac == Mac(COMPUTE2), "{seen:?}");
        assert_eq!(lent, (200..=204).map(|last| Ipv4Addr::new(192, 168, 0, last)).collect::<Vec<_>>());
        assert!(server.counters.silent.load(Ordering::Relaxed) >= 2000, "strangers were heard");
        assert_eq!(server.counters.panics.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn reload_swaps_the_site_between_two_packets() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        let server = Running::start();
        let card = card(&machine);
        ask(&card, &packet("unknown-mac-discover"));
        assert!(matches!(server.next().outcome, Outcome::Silent(_)));
        let mut site = paper_site();
        site.nodes[1].mac = Mac([2, 0, 0, 0x99, 0, 1]);
        server.site.send(Arc::new(site)).expect("the server listens");
        ask(&card, &packet("unknown-mac-discover"));
        let seen = server.next();
        assert!(
            matches!(&seen.outcome, Outcome::Answered { node: Some(node), .. } if node.as_str() == "compute1"),
            "{seen:?}"
        );
    });
}

#[test]
fn relayed_request_is_answered_to_the_relay_agent_on_port_67_from_our_address() {
    inside(|| {
        lay_cable();
        // A second address on our interface, which a reply must not leave from.
        run(&format!("ip address add 192.168.0.10/24 dev {BRIDGE}"));
        run(&format!("ip address delete 192.168.0.254/24 dev {BRIDGE}"));
        run(&format!("ip address add 192.168.0.254/24 dev {BRIDGE}"));
        let machine = Machine::plugged_in();
        machine.run(&format!("ip address add 192.168.0.250/24 dev {CARD}"));
        let _server = Running::start();
        let relay = udp(&machine, SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 250), 67));
        relay.send_to(&packet("relayed-ovmf-discover"), "192.168.0.254:67").expect("sent");
        let mut buffer = [0; 2048];
        let (length, from) = relay.recv_from(&mut buffer).expect("a reply on port 67");
        assert_eq!(from.to_string(), "192.168.0.254:67");
        let parts = Parts::of(&buffer[..length]);
        assert_eq!(parts.giaddr, Ipv4Addr::new(192, 168, 0, 250));
        assert_eq!(parts.order.last(), Some(&82));
    });
}

#[test]
fn renewal_is_answered_to_the_address_in_use() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
        let _server = Running::start();
        let client = udp(&machine, SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 2), 68));
        client.send_to(&packet("dhclient-renew-request"), "192.168.0.254:67").expect("sent");
        let mut buffer = [0; 2048];
        let (length, from) = client.recv_from(&mut buffer).expect("a reply");
        assert_eq!(from.to_string(), "192.168.0.254:67");
        assert_eq!(Parts::of(&buffer[..length]).option(53), Some(&[5][..]));
    });
}

#[test]
fn without_cap_net_raw_replies_are_broadcast() {
    inside_with(&["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"], || {
        lay_cable();
        let machine = Machine::plugged_in();
        let server = Running::start();
        let card = card(&machine);
        ask(&card, &packet("udhcpc-discover"));
        let mut buffer = [0; 2048];
        let (length, from) = card.recv_from(&mut buffer).expect("a broadcast reply");
        assert_eq!(from.to_string(), "192.168.0.254:67");
        assert_eq!(Parts::of(&buffer[..length]).yiaddr, Ipv4Addr::new(192, 168, 0, 2));
        assert!(matches!(server.next().outcome, Outcome::Answered { .. }));
        assert_eq!(server.counters.broadcast_instead.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn address_or_interface_that_does_not_exist_is_named() {
    inside(|| {
        lay_cable();
        let bind = |interface, last| DhcpServer::bind(interface, Ipv4Addr::new(192, 168, 0, last), 67).err();
        let text = bind(BRIDGE, 7).expect("not our address").to_string();
        assert!(text.starts_with("cannot listen on 192.168.0.7:67 (DHCP) of interface `br0`: "), "{text}");
        let text = bind("nosuch0", 254).expect("no interface").to_string();
        assert!(text.contains("interface `nosuch0`"), "{text}");
    });
}
