//! The router advertisement responder on a real socket: the kernel of another namespace asks, a sniffer listens.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::network_lab::{BRIDGE, CARD, Machine, Sniffer, inside, lay_cable};
use crate::support::paper_site;

/// The Linux kernel asks about a second after its card is up, once its address is proven to be its own.
const PATIENCE: Duration = Duration::from_secs(12);

/// Runs `body` while the responder works with this setting.
fn while_responding(answers: bool, body: impl FnOnce()) {
    let mut site = paper_site();
    site.network.router_advertisement = answers;
    let (_keep, newest) = watch::channel(Arc::new(site));
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(rackstart::server::net::router_advertisement::run(BRIDGE, newest, stop));
    });
    body();
    shutdown.cancel();
    thread.join().expect("it ends without a panic");
}

/// An ICMPv6 message of this type, with the Ethernet and IPv6 headers before it.
fn icmp(bytes: &[u8], kind: u8) -> Option<Vec<u8>> {
    let is_it = bytes.len() >= 58 && bytes[12..14] == [0x86, 0xdd] && bytes[20] == 58 && bytes[54] == kind;
    is_it.then(|| bytes.to_vec())
}

#[test]
fn kernel_that_asks_for_a_router_learns_that_there_is_none() {
    inside(|| {
        lay_cable();
        let sniffer = Sniffer::new();
        while_responding(true, || {
            let machine = Machine::plugged_in();
            let asked = sniffer.wait_for(PATIENCE, |bytes| icmp(bytes, 133));
            assert!(asked.is_some(), "the kernel asks");
            let frame = sniffer.wait_for(PATIENCE, |bytes| icmp(bytes, 134)).expect("an advertisement");
            assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1], "to all nodes");
            assert_eq!(frame[21], 255, "hop limit");
            assert_eq!(frame[22..24], [0xfe, 0x80], "from our link-local address");
            assert_eq!(frame[54..56], [134, 0]);
            assert_ne!(frame[56..58], [0, 0], "the kernel fills the checksum in");
            assert_eq!(frame[58..70], [0; 12], "no lifetime, no flags, no times");
            assert_eq!(frame.len(), 70, "no options");
            assert_eq!(machine.run("ip -6 route show default"), "", "no default route came of it");
            assert!(machine.run(&format!("ip -6 address show dev {CARD}")).contains("fe80:"));
        });
    });
}

#[test]
fn responder_that_is_switched_off_says_nothing() {
    inside(|| {
        lay_cable();
        let sniffer = Sniffer::new();
        while_responding(false, || {
            let _machine = Machine::plugged_in();
            assert!(sniffer.wait_for(PATIENCE, |bytes| icmp(bytes, 133)).is_some(), "the kernel asks");
            assert_eq!(sniffer.wait_for(Duration::from_millis(500), |bytes| icmp(bytes, 134)), None);
        });
    });
}

#[test]
fn interface_without_ipv6_harms_nothing() {
    inside(|| {
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("disable_ipv6");
        lay_cable();
        while_responding(true, || std::thread::sleep(Duration::from_millis(200)));
    });
}
