//! The rules of RFC 2131, one packet each. Complete answers to real clients are tested in `tests/wire/dhcp_replies.rs`.

use std::net::Ipv4Addr;

use super::*;
use crate::boot::IgnoreReason;
use crate::site::Mac;
use crate::site::testing::{behind_a_router, paper_site};

const COMPUTE2: [u8; 6] = [0x52, 0x54, 0, 0xa8, 2, 1];
const ITS_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 2);
const OURS: [u8; 4] = [192, 168, 0, 254];

const ON_LINK: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 250);
const OFF_LINK: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The paper's site, with two relay agents.
fn relayed() -> Site {
    let mut site = paper_site();
    site.network.relays = vec![ON_LINK, OFF_LINK];
    site
}

/// A packet under construction.
struct Packet(Vec<u8>);

impl Packet {
    fn new(kind: u8) -> Self {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        bytes[28..34].copy_from_slice(&COMPUTE2);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        Self(bytes).option(53, &[kind])
    }

    fn at(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn ciaddr(self, address: [u8; 4]) -> Self {
        self.at(12, &address)
    }

    fn giaddr(self, address: [u8; 4]) -> Self {
        self.at(24, &address)
    }

    fn broadcast(self) -> Self {
        self.at(10, &[0x80, 0])
    }

    fn option(mut self, number: u8, data: &[u8]) -> Self {
        self.0.extend([number, data.len() as u8]);
        self.0.extend_from_slice(data);
        self
    }

    fn reply(&self) -> Reply {
        match answer_to(&relayed(), &self.0) {
            Judgement::Final(Answer::Reply(_, reply)) => reply,
            other => panic!("wanted a reply, got {other:?}"),
        }
    }

    fn silence(&self) -> SilenceReason {
        self.silence_of(&relayed())
    }

    fn silence_of(&self, site: &Site) -> SilenceReason {
        match answer_to(site, &self.0) {
            Judgement::Final(Answer::Silence(_, reason)) => reason,
            other => panic!("wanted silence, got {other:?}"),
        }
    }
}

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const INFORM: u8 = 8;

#[test]
fn request_that_selects_our_offer_is_confirmed() {
    let reply = Packet::new(REQUEST).option(54, &OURS).option(50, &ITS_ADDRESS.octets()).reply();
    assert_eq!((reply.kind, reply.address), (MessageKind::Ack, ITS_ADDRESS));
    assert_eq!(reply.to, ReplyTo::Link { mac: Mac(COMPUTE2), address: ITS_ADDRESS });
}

#[test]
fn request_that_selects_another_server_gets_silence() {
    let packet = Packet::new(REQUEST).option(54, &[192, 168, 0, 9]).option(50, &[192, 168, 0, 77]);
    assert_eq!(packet.silence(), SilenceReason::ChoseAnotherServer(Ipv4Addr::new(192, 168, 0, 9)));
}

#[test]
fn wrong_address_is_refused_to_everybody_on_the_wire_in_every_client_state() {
    let wrong = [10, 1, 2, 3];
    let states = [
        ("selecting", Packet::new(REQUEST).option(54, &OURS).option(50, &wrong)),
        ("after a reboot", Packet::new(REQUEST).option(50, &wrong)),
        ("renewing", Packet::new(REQUEST).ciaddr(wrong)),
    ];
    for (state, packet) in states {
        let reply = packet.reply();
        assert_eq!((reply.kind, reply.to), (MessageKind::Nak, ReplyTo::Broadcast), "{state}");
        let refusal = NakReason::NotReserved { asked: wrong.into(), reserved: ITS_ADDRESS };
        assert_eq!(reply.refusal, Some(refusal.clone()), "{state}");
        assert_eq!(reply.boot_file(), None);
        assert_eq!(reply.bytes[16..24], [0; 8], "neither yiaddr nor siaddr");
    }
}

#[test]
fn request_after_a_reboot_is_confirmed_without_a_server_identifier() {
    assert_eq!(Packet::new(REQUEST).option(50, &ITS_ADDRESS.octets()).reply().kind, MessageKind::Ack);
}

#[test]
fn renewal_is_confirmed_to_the_address_in_use() {
    let reply = Packet::new(REQUEST).ciaddr(ITS_ADDRESS.octets()).broadcast().reply();
    assert_eq!((reply.kind, reply.to), (MessageKind::Ack, ReplyTo::Address(ITS_ADDRESS)));
    assert_eq!(reply.bytes[12..16], ITS_ADDRESS.octets(), "ciaddr comes back");
}

#[test]
fn request_that_names_no_address_gets_silence() {
    assert_eq!(Packet::new(REQUEST).silence(), SilenceReason::NamesNoAddress);
    assert_eq!(Packet::new(REQUEST).option(50, &[1, 2]).silence(), SilenceReason::NamesNoAddress);
}

#[test]
fn unreadable_address_of_a_client_that_selected_us_can_only_mean_our_offer() {
    assert_eq!(Packet::new(REQUEST).option(54, &OURS).option(50, &[1, 2]).reply().kind, MessageKind::Ack);
}

#[test]
fn broadcast_flag_decides_where_an_offer_goes() {
    assert_eq!(Packet::new(DISCOVER).broadcast().reply().to, ReplyTo::Broadcast);
    let link = ReplyTo::Link { mac: Mac(COMPUTE2), address: ITS_ADDRESS };
    assert_eq!(Packet::new(DISCOVER).reply().to, link);
    assert_eq!(Packet::new(DISCOVER).ciaddr([10, 0, 0, 1]).reply().to, link, "a DISCOVER has no ciaddr to go to");
}

#[test]
fn relayed_request_is_answered_to_the_relay_whatever_its_flag() {
    let relay = ON_LINK;
    let reply = Packet::new(DISCOVER).giaddr(relay.octets()).broadcast().reply();
    assert_eq!(reply.to, ReplyTo::Relay(relay));
    assert_eq!(reply.bytes[24..28], relay.octets());
    let refused = Packet::new(REQUEST).giaddr(relay.octets()).option(50, &[10, 0, 0, 1]).reply();
    assert_eq!((refused.kind, refused.to), (MessageKind::Nak, ReplyTo::Relay(relay)));
    assert_eq!(refused.bytes[10] & 0x80, 0x80, "the relay agent must broadcast a DHCPNAK");
}

#[test]
fn relay_agent_on_another_network_gets_silence_unless_it_names_our_link() {
    let relay = OFF_LINK;
    let packet = Packet::new(DISCOVER).giaddr(relay.octets());
    assert!(matches!(packet.silence(), SilenceReason::RelayOffSubnet { relay: found, .. } if found == relay));
    let packet = packet.option(82, &[1, 1, 7, 5, 4, 192, 168, 0, 0]);
    assert_eq!(packet.reply().to, ReplyTo::Relay(relay));
}

/// compute2 behind the relay agent 10.0.2.1.
fn routed() -> Site {
    behind_a_router(relayed(), "compute2")
}

const ITS_ROUTER: [u8; 4] = [10, 0, 2, 1];

#[test]
fn node_behind_a_router_gets_what_its_own_network_says() {
    let discover = Packet::new(DISCOVER).giaddr(ITS_ROUTER).option(55, &[1, 3, 6, 28, 51]);
    let Judgement::Final(Answer::Reply(_, reply)) = answer_to(&routed(), &discover.0) else { panic!("no reply") };
    assert_eq!((reply.to, reply.address), (ReplyTo::Relay(ITS_ROUTER.into()), Ipv4Addr::new(10, 0, 2, 4)));
    assert_eq!(reply.bytes[20..24], OURS, "the next server is still rackstart");
    let options = options::RawOptions::read(&reply.bytes);
    for (number, value) in [
        (1, [255, 255, 255, 0]),
        (3, ITS_ROUTER),
        (6, [10, 0, 2, 53]),
        (28, [10, 0, 2, 255]),
        (51, 3600_u32.to_be_bytes()),
        (54, OURS),
    ] {
        assert_eq!(options.get(number), Some(&value[..]), "option {number}");
    }
}

#[test]
fn node_behind_a_router_is_answered_there_and_without_the_relay_agent_only_when_it_renews() {
    let site = routed();
    let subnet = "10.0.2.0/24".parse().unwrap();
    assert_eq!(Packet::new(DISCOVER).silence_of(&site), SilenceReason::OffItsNetwork(subnet));
    let selects = Packet::new(REQUEST).option(54, &OURS).option(50, &[10, 0, 2, 4]);
    assert_eq!(selects.silence_of(&site), SilenceReason::OffItsNetwork(subnet));
    let elsewhere = Packet::new(DISCOVER).giaddr(ON_LINK.octets());
    assert_eq!(elsewhere.silence_of(&site), SilenceReason::RelayOffSubnet { relay: ON_LINK, subnet });
    let forged = Packet::new(DISCOVER).giaddr(ITS_ROUTER).option(82, &[5, 4, 192, 168, 0, 0]);
    assert!(matches!(forged.silence_of(&site), SilenceReason::RelayOffSubnet { .. }), "another link is selected");
    let renews = Packet::new(REQUEST).ciaddr([10, 0, 2, 4]);
    let Judgement::Final(Answer::Reply(_, reply)) = answer_to(&site, &renews.0) else { panic!("no reply") };
    assert_eq!((reply.kind, reply.to), (MessageKind::Ack, ReplyTo::Address(Ipv4Addr::new(10, 0, 2, 4))));
    // And a node of our own link is not answered through the router of another network.
    let astray = Packet(Packet::new(DISCOVER).giaddr(ITS_ROUTER).at(28, &[0x52, 0x54, 0, 0xa8, 3, 1]).0);
    assert!(matches!(astray.silence_of(&site), SilenceReason::RelayOffSubnet { .. }));
}

#[test]
fn domain_is_told_to_nodes_that_want_it_by_both_options() {
    let mut site = routed();
    let ask = |site: &Site, wanted: &[u8]| {
        let discover = Packet::new(DISCOVER).giaddr(ITS_ROUTER).option(55, wanted);
        let Judgement::Final(Answer::Reply(_, reply)) = answer_to(site, &discover.0) else { panic!("no reply") };
        let options = options::RawOptions::read(&reply.bytes);
        (options.get(15).map(<[u8]>::to_vec), options.get(119).map(<[u8]>::to_vec))
    };
    assert_eq!(ask(&site, &[1, 15, 119]), (None, None));
    site.domain = Some("rack1.example".into());
    let search = b"\x05rack1\x07example\0".to_vec();
    assert_eq!(ask(&site, &[1, 15, 119]), (Some(b"rack1.example".to_vec()), Some(search)));
    assert_eq!(ask(&site, &[1, 3]), (None, None));
}

#[test]
fn stranger_is_lent_an_address_of_the_network_that_it_asks_from() {
    let mut site = routed();
    let stranger = || Packet::new(DISCOVER).at(28, &[2, 0, 0, 0, 0, 9]);
    site.network.discovery = Some((Ipv4Addr::new(192, 168, 0, 200), Ipv4Addr::new(192, 168, 0, 220)));
    let asks = |site: &Site, packet: &Packet| match answer_to(site, &packet.0) {
        Judgement::Stranger(stranger) => Some(stranger.subnet.to_string()),
        Judgement::Final(_) => None,
    };
    assert_eq!(asks(&site, &stranger()).as_deref(), Some("192.168.0.0/24"));
    assert_eq!(asks(&site, &stranger().giaddr(ITS_ROUTER)), None, "nothing is lent there");
    site.routed[0].discovery = Some((Ipv4Addr::new(10, 0, 2, 200), Ipv4Addr::new(10, 0, 2, 220)));
    assert_eq!(asks(&site, &stranger().giaddr(ITS_ROUTER)).as_deref(), Some("10.0.2.0/24"));
}

#[test]
fn relay_agent_that_no_machine_can_be_is_never_sent_to() {
    for address in [[255, 255, 255, 255], [224, 0, 0, 1], [192, 168, 0, 255]] {
        let packet = Packet::new(DISCOVER).giaddr(address).option(82, &[5, 4, 192, 168, 0, 0]);
        assert_eq!(packet.silence(), SilenceReason::ImpossibleRelay(address.into()));
    }
}

#[test]
fn relay_agent_that_the_site_file_does_not_name_is_never_sent_to() {
    for relay in [[203, 0, 113, 7], [192, 168, 0, 9]] {
        for kind in [DISCOVER, REQUEST, INFORM] {
            let forged = Packet::new(kind).giaddr(relay).option(50, &[8, 8, 8, 8]).option(82, &[5, 4, 192, 168, 0, 0]);
            assert_eq!(forged.silence(), SilenceReason::UnknownRelay(relay.into()));
            let strange = forged.at(28, &[2, 0, 0, 0, 0, 1]);
            let with_discovery = strange.silence_of(&discovering());
            assert_eq!(with_discovery, SilenceReason::UnknownRelay(relay.into()));
        }
    }
}

#[test]
fn address_that_a_request_only_claims_is_never_sent_to() {
    let forged = Packet::new(REQUEST).option(50, &ITS_ADDRESS.octets()).ciaddr([203, 0, 113, 7]);
    let reply = forged.reply();
    assert_eq!(reply.kind, MessageKind::Ack);
    assert_eq!(reply.to, ReplyTo::Link { mac: Mac(COMPUTE2), address: ITS_ADDRESS });
    assert_eq!(reply.bytes[12..16], [0; 4], "ciaddr");
    assert_eq!(forged.broadcast().reply().to, ReplyTo::Broadcast);
}

#[test]
fn inform_gets_settings_but_neither_address_nor_lease() {
    let reply = Packet::new(INFORM).ciaddr([192, 168, 0, 77]).reply();
    assert_eq!((reply.kind, reply.to), (MessageKind::Ack, ReplyTo::Address(Ipv4Addr::new(192, 168, 0, 77))));
    assert_eq!(reply.bytes[16..20], [0; 4], "yiaddr");
    let options = options::RawOptions::read(&reply.bytes);
    assert_eq!(options.get(51), None);
    assert_eq!(options.address(3), Some(Ipv4Addr::new(192, 168, 0, 1)));
    let outside = Packet::new(INFORM).ciaddr([8, 8, 8, 8]).silence();
    assert!(matches!(outside, SilenceReason::AddressOffSubnet { .. }));
}

#[test]
fn release_decline_and_server_messages_get_silence_with_their_reason() {
    assert_eq!(Packet::new(7).silence(), SilenceReason::Released(ITS_ADDRESS));
    assert_eq!(Packet::new(4).silence(), SilenceReason::Declined(ITS_ADDRESS));
    assert_eq!(Packet::new(2).silence(), SilenceReason::NotForUs(MessageKind::Offer));
    assert_eq!(Packet::new(10).silence().to_string(), "this server does not answer a DHCP message type 10");
}

#[test]
fn unknown_mac_gets_silence_whatever_it_sends() {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    for kind in 0..=20 {
        let packet = Packet::new(kind).at(28, &mac.0);
        assert_eq!(packet.silence(), SilenceReason::Boot(IgnoreReason::UnknownMac(mac)));
    }
}

#[test]
fn another_card_of_a_node_is_named_with_or_without_discovery() {
    let packet = Packet::new(DISCOVER).at(28, &[0x52, 0x54, 0, 0xa8, 2, 0]);
    let text = "52:54:00:a8:02:00 is `eth0` of compute2, which boots from 52:54:00:a8:02:01: \
                check its cables and boot order";
    assert_eq!(packet.silence().to_string(), text);
    assert_eq!(packet.silence_of(&discovering()).to_string(), text);
}

/// The paper's site, with a range for strangers.
fn discovering() -> Site {
    let mut site = paper_site();
    site.network.discovery = Some((Ipv4Addr::new(192, 168, 0, 200), Ipv4Addr::new(192, 168, 0, 220)));
    site
}

fn strange(kind: u8) -> Packet {
    Packet::new(kind).at(28, &[2, 0, 0, 0, 0, 1])
}

#[test]
fn wish_of_a_stranger_is_read_from_its_request() {
    let lent = Ipv4Addr::new(192, 168, 0, 203);
    let wishes = [
        (strange(DISCOVER), Wish::Any),
        (strange(REQUEST).option(54, &OURS).option(50, &lent.octets()), Wish::This(lent)),
        (strange(REQUEST).option(50, &lent.octets()), Wish::This(lent)),
        (strange(REQUEST).ciaddr(lent.octets()), Wish::This(lent)),
        // The reply goes to the address in use, so that is the one the stranger wants.
        (strange(REQUEST).ciaddr(lent.octets()).option(50, &[8, 8, 8, 8]), Wish::This(lent)),
        (strange(REQUEST).option(54, &OURS).option(50, &[8, 8, 8, 8]), Wish::This(Ipv4Addr::new(8, 8, 8, 8))),
        (strange(7).ciaddr(lent.octets()), Wish::GiveBack(lent)),
        (strange(4).option(50, &lent.octets()), Wish::Decline(lent)),
    ];
    for (packet, wish) in wishes {
        match answer_to(&discovering(), &packet.0) {
            Judgement::Stranger(stranger) => assert_eq!(stranger.wish, wish),
            other => panic!("wanted {wish:?}, got {other:?}"),
        }
    }
}

#[test]
fn stranger_that_may_belong_to_another_server_is_left_to_it() {
    let silence = |packet: Packet| packet.silence_of(&discovering());
    let (other, elsewhere) = (Ipv4Addr::new(192, 168, 0, 9), Ipv4Addr::new(192, 168, 0, 77));
    let chosen = strange(REQUEST).option(54, &other.octets()).option(50, &elsewhere.octets());
    assert_eq!(silence(chosen), SilenceReason::ChoseAnotherServer(other));
    assert_eq!(silence(strange(REQUEST).ciaddr(elsewhere.octets())), SilenceReason::NotOursToLend(elsewhere));
    // The address of a node is never a stranger's, whatever the request says.
    let reserved = strange(REQUEST).option(50, &ITS_ADDRESS.octets());
    assert_eq!(silence(reserved), SilenceReason::NotOursToLend(ITS_ADDRESS));
    assert_eq!(silence(strange(INFORM).ciaddr([192, 168, 0, 77])), SilenceReason::NotForUs(MessageKind::Inform));
    assert_eq!(silence(strange(REQUEST)), SilenceReason::NamesNoAddress);
}

#[test]
fn mac_that_nobody_can_own_is_never_lent_an_address() {
    for mac in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        let reason = Packet::new(DISCOVER).at(28, &mac).silence_of(&discovering());
        assert_eq!(reason, SilenceReason::ImpossibleMac(Mac(mac)));
    }
}

#[test]
fn unsupported_architecture_stays_silent_with_a_discovery_range() {
    let reason = strange(DISCOVER).option(60, b"PXEClient").option(93, &[0, 11]).silence_of(&discovering());
    assert_eq!(reason, SilenceReason::Boot(IgnoreReason::NoProgram { arch: 11.into() }));
}

#[test]
fn node_that_is_the_router_gets_no_route_through_itself() {
    let reply = Packet::new(DISCOVER).at(28, &[0x52, 0x54, 0, 0xa8, 1, 1]).reply();
    assert_eq!(options::RawOptions::read(&reply.bytes).get(3), None);
}

#[test]
fn relay_information_comes_back_unchanged_and_last() {
    let information = [[1, 3, 9, 9, 9].as_slice(), &[200, 0, 2, 255], &[0, 1]].concat();
    let reply = Packet::new(DISCOVER).option(82, &information).option(61, &[1; 7]).reply();
    let expected = [&[82, information.len() as u8][..], &information, &[255]].concat();
    let end = reply.bytes.iter().rposition(|&byte| byte != 0).unwrap();
    assert_eq!(reply.bytes[end + 1 - expected.len()..=end], expected);
}

#[test]
fn size_of_a_reply_follows_option_57_within_576_and_1500() {
    let sizes = [(None, 548), (Some(0u16), 548), (Some(576), 548), (Some(1200), 1172), (Some(65280), 1472)];
    for (asked, most) in sizes {
        let mut packet = Packet::new(DISCOVER).option(61, &[1; 255]).option(82, &[5; 255]).option(82, &[6; 255]);
        packet = packet.option(82, &[7; 255]).option(82, &[8; 20]);
        if let Some(asked) = asked {
            packet = packet.option(57, &asked.to_be_bytes());
        }
        let length = packet.reply().bytes.len();
        assert!((300..=most).contains(&length), "asked {asked:?}: {length} bytes");
    }
}

#[test]
fn relay_information_goes_before_names_when_room_is_short() {
    let reply = Packet::new(DISCOVER).option(82, &[5; 200]).option(61, &[1; 255]).reply();
    let options = options::RawOptions::read(&reply.bytes);
    assert_eq!(options.get(82), Some(&[5; 200][..]));
    assert_eq!(options.get(61), None);
}
