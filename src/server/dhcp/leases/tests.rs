use super::*;
use crate::site::testing::paper_site;
use crate::wire::dhcp::{Judgement, MessageKind, answer_to};

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;

/// A table over the addresses .200 to .202, and a clock.
struct Desk {
    site: Site,
    leases: Leases,
    now: Instant,
}

impl Desk {
    fn open() -> Self {
        let mut site = paper_site();
        site.network.discovery = Some((at(200), at(202)));
        Self { site, leases: Leases::default(), now: Instant::now() }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn ask(&mut self, kind: u8, machine: u16, address: Option<u8>) -> Answer {
        let mut packet = vec![0; 240];
        packet[..3].copy_from_slice(&[1, 1, 6]);
        packet[28..30].copy_from_slice(&[2, 0]);
        packet[32..34].copy_from_slice(&machine.to_be_bytes());
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        packet.extend([53, 1, kind]);
        if let Some(last) = address {
            packet.extend([50, 4, 192, 168, 0, last]);
        }
        match answer_to(&self.site, &packet) {
            Judgement::Stranger(stranger) => self.leases.settle(&self.site, stranger, self.now),
            Judgement::Final(answer) => answer,
        }
    }

    /// The last byte of the address offered.
    fn offers(&mut self, machine: u16) -> Option<u8> {
        match self.ask(DISCOVER, machine, None) {
            Answer::Reply(_, reply) => Some(reply.address.octets()[3]),
            _ => None,
        }
    }

    /// Whether the address is confirmed.
    fn confirms(&mut self, machine: u16, last: u8) -> bool {
        match self.ask(REQUEST, machine, Some(last)) {
            Answer::Reply(_, reply) => reply.kind == MessageKind::Ack,
            _ => false,
        }
    }

    fn boots(&mut self, machine: u16) -> Option<u8> {
        let last = self.offers(machine)?;
        assert!(self.confirms(machine, last));
        Some(last)
    }
}

fn at(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 0, last)
}

#[test]
fn free_addresses_go_first_and_then_nobody_else_gets_one() {
    let mut desk = Desk::open();
    assert_eq!([1, 2, 3, 4].map(|machine| desk.boots(machine)), [Some(200), Some(201), Some(202), None]);
    let Answer::Silence(_, reason) = desk.ask(DISCOVER, 4, None) else { panic!("wanted silence") };
    assert_eq!(reason, SilenceReason::AllLent(3));
}

#[test]
fn machine_keeps_its_address_while_it_holds_it_and_afterwards_until_somebody_needs_it() {
    let mut desk = Desk::open();
    assert_eq!(desk.boots(1), Some(200));
    desk.wait(60);
    assert_eq!(desk.boots(1), Some(200));
    desk.wait(1000);
    assert_eq!(desk.boots(2), Some(201), "a free one goes before an expired one");
    assert_eq!(desk.boots(1), Some(200));
}

#[test]
fn longest_expired_address_goes_to_the_next_machine_and_its_old_owner_is_refused() {
    let mut desk = Desk::open();
    for machine in [1, 2, 3] {
        desk.boots(machine);
        desk.wait(1);
    }
    assert!(desk.confirms(1, 200), "renewed: now the second is the oldest");
    desk.wait(118);
    assert_eq!(desk.offers(4), Some(201));
    let Answer::Reply(_, reply) = desk.ask(REQUEST, 2, Some(201)) else { panic!("wanted a DHCPNAK") };
    assert_eq!(reply.kind, MessageKind::Nak);
    assert_eq!(desk.offers(5), None, "the others are still held");
}

#[test]
fn offer_that_nobody_takes_is_free_again_after_half_a_minute() {
    let mut desk = Desk::open();
    assert_eq!([1, 2, 3, 4].map(|machine| desk.offers(machine)), [Some(200), Some(201), Some(202), None]);
    desk.wait(30);
    assert_eq!(desk.offers(4), Some(200));
}

#[test]
fn discover_of_a_machine_with_a_lease_does_not_shorten_it() {
    let mut desk = Desk::open();
    for machine in [1, 2, 3] {
        desk.boots(machine);
        desk.offers(machine);
    }
    desk.wait(119);
    assert_eq!(desk.offers(4), None);
    desk.wait(1);
    assert_eq!(desk.offers(4), Some(200));
}

#[test]
fn address_that_was_given_back_is_free_at_once_but_only_its_holder_can_give_it_back() {
    let mut desk = Desk::open();
    for machine in [1, 2, 3] {
        desk.boots(machine);
    }
    desk.ask(RELEASE, 4, Some(200));
    assert_eq!(desk.offers(4), None);
    desk.ask(RELEASE, 1, Some(200));
    assert_eq!(desk.offers(4), Some(200));
}

#[test]
fn address_that_another_machine_uses_is_left_alone_for_ten_minutes() {
    let mut desk = Desk::open();
    assert_eq!(desk.boots(1), Some(200));
    desk.ask(DECLINE, 2, Some(200));
    assert!(desk.confirms(1, 200), "only its holder can say so");
    desk.ask(DECLINE, 1, Some(200));
    assert_eq!([1, 2, 3].map(|machine| desk.boots(machine)), [Some(201), Some(202), None]);
    assert!(!desk.confirms(3, 200));
    desk.wait(600);
    assert!(desk.confirms(3, 200));
}

#[test]
fn after_a_restart_a_machine_may_keep_what_it_had_unless_somebody_holds_it() {
    let mut desk = Desk::open();
    assert!(desk.confirms(1, 202));
    assert!(!desk.confirms(2, 202));
    assert_eq!(desk.boots(2), Some(200));
    assert!(desk.confirms(2, 201), "it may change its mind");
    assert_eq!(desk.offers(3), Some(200), "and has one address, not two");
}

#[test]
fn address_that_somebody_has_is_never_lent_even_inside_the_range() {
    let mut desk = Desk::open();
    desk.site.network.discovery = Some((at(1), at(6)));
    desk.site.network.dns = vec![at(6)];
    assert_eq!(desk.offers(1), None, "five nodes and a resolver");
    for last in 1..=6 {
        assert!(!desk.confirms(1, last), "{last}");
    }
}

#[test]
fn changed_range_counts_from_the_next_request_on() {
    let mut desk = Desk::open();
    assert_eq!([1, 2].map(|machine| desk.boots(machine)), [Some(200), Some(201)]);
    desk.site.network.discovery = Some((at(201), at(203)));
    assert_eq!([1, 2].map(|machine| desk.boots(machine)), [Some(202), Some(201)]);
    desk.site.network.discovery = None;
    assert_eq!(desk.offers(1), None);
}

#[test]
fn table_is_bounded_however_large_the_range_and_the_crowd_are() {
    let mut desk = Desk::open();
    desk.site.network.subnet = "192.168.0.0/16".parse().unwrap();
    desk.site.network.discovery = Some((at(200), Ipv4Addr::new(192, 168, 255, 254)));
    for machine in 0..5000 {
        desk.offers(machine);
        desk.confirms(machine, 201);
    }
    assert_eq!(desk.leases.by_address.len(), MAX_LEASES);
    desk.wait(120);
    assert!(desk.offers(6000).is_some());
    assert_eq!(desk.leases.by_address.len(), MAX_LEASES);
}
