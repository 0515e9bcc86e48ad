//! Whatever arrives, the daemon answers within bounds or is silent: random packets, changed packets of real clients,
//! and one broken option at a time.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use rackstart::wire::dhcp::{Answer, Judgement, ReplyTo, Request, answer_to};

use crate::support::dhcp_packets::{Parts, all, packet};
use crate::support::paper_site;

fn answers_within_bounds(bytes: &[u8]) {
    let lent = Ipv4Addr::new(192, 168, 0, 207);
    let mut discovering = paper_site();
    discovering.network.discovery = Some((lent, lent));
    for site in [paper_site(), discovering] {
        match answer_to(&site, bytes) {
            Judgement::Final(answer) => is_within_bounds(answer),
            Judgement::Stranger(stranger) => {
                is_within_bounds(stranger.clone().refuse(&site, lent));
                is_within_bounds(stranger.lend(&site, lent));
            }
        }
    }
}

fn is_within_bounds(answer: Answer) {
    if let Answer::Reply(_, reply) = &answer {
        // Whatever a request claims, nothing leaves the link: the site names no relay agent.
        match reply.to {
            ReplyTo::Relay(relay) => panic!("to the relay agent {relay}"),
            ReplyTo::Address(address) | ReplyTo::Link { address, .. } => {
                assert!(paper_site().network.subnet.contains(&address), "to {address}");
            }
            ReplyTo::Sender => panic!("a boot server answers in proxy mode only"),
            ReplyTo::Broadcast => {}
        }
        let parts = Parts::of(&reply.bytes);
        assert_eq!(parts.op, 2);
        assert!(parts.file.len() <= 127);
    }
    // A server of note crashed only while it logged: so print everything that a log line could.
    let _ = format!("{answer:?}");
    match answer {
        Answer::Reply(_, reply) => drop(format!("{} {}", reply.kind, reply.to)),
        Answer::Silence(request, reason) => drop(format!("{} {reason}", request.boot.mac)),
        Answer::Malformed(malformed) => drop(malformed.to_string()),
    }
}

/// Any packet of a real client.
fn real() -> impl Strategy<Value = Vec<u8>> {
    proptest::sample::select(all()).prop_map(|name| packet(&name))
}

/// Where the options of a packet start, each with its number: (offset, number, length).
fn places(bytes: &[u8]) -> Vec<(usize, u8, usize)> {
    let (mut at, mut found) = (240, vec![]);
    while at + 1 < bytes.len() && bytes[at] != 255 {
        let length = usize::from(bytes[at + 1]);
        found.push((at, bytes[at], length));
        at += 2 + length;
    }
    found
}

/// What the request says, one line per thing, so that two requests compare line by line.
fn said(request: &Request) -> Vec<(u8, String)> {
    vec![
        (12, format!("{:?}", request.host_name)),
        (50, format!("{:?}", request.requested_address)),
        (53, request.kind.to_string()),
        (54, format!("{:?}", request.server_identifier)),
        (55, format!("{:?}", request.wanted)),
        (57, format!("{:?}", request.max_message_size)),
        (60, format!("{:?}", request.vendor_class)),
        (97, format!("{:?}", request.machine_uuid)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
        answers_within_bounds(&bytes);
    }

    #[test]
    fn random_options_of_a_known_node_never_panic(
        options in proptest::collection::vec(any::<u8>(), 0..1232),
        flags in any::<u16>(),
        giaddr in prop_oneof![Just([0; 4]), Just([192, 168, 0, 250]), any::<[u8; 4]>()],
        ciaddr in prop_oneof![Just([0; 4]), Just([192, 168, 0, 2]), any::<[u8; 4]>()],
        kind in 1u8..10,
    ) {
        let mut bytes = packet("udhcpc-discover");
        bytes.truncate(240);
        bytes[10..12].copy_from_slice(&flags.to_be_bytes());
        bytes[12..16].copy_from_slice(&ciaddr);
        bytes[24..28].copy_from_slice(&giaddr);
        bytes.extend([53, 1, kind]);
        bytes.extend(options);
        answers_within_bounds(&bytes);
    }

    #[test]
    fn changed_packets_of_real_clients_never_panic(
        mut bytes in real(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        answers_within_bounds(&bytes);
    }

    #[test]
    fn one_broken_option_leaves_the_others_readable(
        bytes in real(),
        which in any::<prop::sample::Index>(),
        garbage in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let Ok(before) = Request::read(&bytes) else { return Ok(()) };
        let places = places(&bytes);
        let (at, number, length) = places[which.index(places.len())];
        // Without a message type it is no request; an overload changes the meaning of two fields by design.
        prop_assume!(number != 53 && number != 52 && !before.truncated);
        let mut broken = bytes[..at].to_vec();
        broken.extend([number, garbage.len() as u8]);
        broken.extend_from_slice(&garbage);
        broken.extend_from_slice(&bytes[at + 2 + length..]);
        let after = Request::read(&broken).expect("still a request");
        for ((code, then), (_, now)) in said(&before).iter().zip(said(&after)) {
            prop_assert!(*code == number || *then == now, "option {code} changed with option {number}: {then} {now}");
        }
        answers_within_bounds(&broken);
    }
}

#[test]
fn every_recorded_packet_is_answered_within_bounds() {
    assert!(all().len() >= 20);
    for name in all() {
        answers_within_bounds(&packet(&name));
    }
}

#[test]
fn every_prefix_of_every_recorded_packet_is_answered_within_bounds() {
    for name in all() {
        let bytes = packet(&name);
        for length in 0..bytes.len() {
            answers_within_bounds(&bytes[..length]);
        }
    }
}
