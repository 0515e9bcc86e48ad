//! Packet in, packet out: the whole answer to each kind of client, from packets that real ones sent
//! (`captured` in the first line of the fixture) or that were built after what they send.

use std::net::Ipv4Addr;

use rackstart::site::*;
use rackstart::wire::dhcp::{Answer, Judgement, Malformed, MessageKind, Reply, ReplyTo, Request, Stranger, answer_to};

use crate::support::dhcp_packets::{Parts, packet};
use crate::support::paper_site;

const COMPUTE2: Mac = Mac([0x52, 0x54, 0, 0xa8, 2, 1]);
const ITS_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 254);
const SCRIPT: &str = "http://192.168.0.254/boot/52-54-00-a8-02-01?uuid=${uuid}&serial=${serial:uristring}";

fn ask(name: &str) -> Answer {
    answer(&packet(name))
}

fn answer(bytes: &[u8]) -> Answer {
    let mut site = paper_site();
    site.network.relays = vec![Ipv4Addr::new(192, 168, 0, 250)];
    match answer_to(&site, bytes) {
        Judgement::Final(answer) => answer,
        Judgement::Stranger(stranger) => panic!("there is no discovery range: {stranger:?}"),
    }
}

fn reply(name: &str) -> (Request, Reply, Parts) {
    match ask(name) {
        Answer::Reply(request, reply) => {
            let parts = Parts::of(&reply.bytes);
            (*request, reply, parts)
        }
        other => panic!("{name}: wanted a reply, got {other:?}"),
    }
}

/// What every DHCPOFFER and DHCPACK to compute2 must hold, whoever asks.
fn grants_its_reservation(name: &str, kind: u8) -> Parts {
    let (request, reply, parts) = reply(name);
    assert_eq!((parts.op, &parts.xid.to_be_bytes()[..]), (2, &packet(name)[4..8]), "{name}");
    assert_eq!(parts.chaddr[..6], COMPUTE2.0, "{name}");
    assert_eq!((parts.yiaddr, parts.siaddr), (ITS_ADDRESS, OURS), "{name}");
    assert_eq!(parts.sname, [0; 64], "{name}: no sname");
    assert_eq!(parts.order[0], 53, "{name}: the message type comes first");
    let expected: [(u8, &[u8]); 9] = [
        (53, &[kind]),
        (54, &OURS.octets()),
        (51, &7200u32.to_be_bytes()),
        (58, &3600u32.to_be_bytes()),
        (59, &6300u32.to_be_bytes()),
        (1, &[255, 255, 255, 0]),
        (3, &[192, 168, 0, 1]),
        (6, &OURS.octets()),
        (12, b"compute2"),
    ];
    for (number, data) in &expected {
        assert_eq!(parts.option(*number), Some(*data), "{name}: option {number}");
    }
    for absent in [43, 52, 66] {
        assert_eq!(parts.option(absent), None, "{name}: option {absent}");
    }
    assert_ne!(parts.text(60), Some("PXEClient"), "{name}: OVMF would go and ask port 4011");
    if let Some(file) = reply.boot_file() {
        assert_eq!(parts.file, file, "{name}: `file` is always filled");
        assert_eq!(parts.text(67).unwrap_or(file), file, "{name}: both say the same");
        assert_eq!(parts.option(67).is_some(), request.wants(67), "{name}");
        let ends_with_zero = parts.option(67).is_none_or(|data| data.ends_with(b"\0") != file.contains("://"));
        assert!(ends_with_zero, "{name}: old firmware reads a TFTP name up to a zero byte");
    }
    parts
}

fn loads_by_tftp(name: &str, kind: u8, program: &str) {
    let parts = grants_its_reservation(name, kind);
    assert_eq!(parts.file, program, "{name}");
    assert_eq!((parts.option(60), parts.option(175)), (None, None), "{name}");
}

#[test]
fn bios_firmware_loads_undionly_by_tftp() {
    loads_by_tftp("bios-rom-discover", 2, "undionly.kpxe");
}

#[test]
fn uefi_firmware_loads_snponly_by_tftp() {
    for (name, kind) in [("ovmf-pxe-discover", 2), ("ovmf-pxe-request", 5), ("efi-arch-9-discover", 2)] {
        loads_by_tftp(name, kind, "snponly.efi");
    }
}

#[test]
fn uefi_http_boot_gets_a_url_and_the_vendor_class_it_insists_on() {
    for (name, kind) in [("ovmf-http-discover", 2), ("ovmf-http-request", 5)] {
        let parts = grants_its_reservation(name, kind);
        assert_eq!(parts.file, "http://192.168.0.254/firmware/ipxe.efi");
        assert_eq!(parts.text(67), Some(parts.file.as_str()));
        assert_eq!(parts.text(60), Some("HTTPClient"));
    }
}

#[test]
fn ipxe_in_every_shape_gets_its_script_and_need_not_wait_for_a_proxy() {
    let shapes = [
        ("ipxe-rom-bios-discover", 2),
        ("ipxe-rom-bios-request", 5),
        ("undionly-discover", 2),
        ("snponly-efi-discover", 2),
        ("overloaded-ipxe-discover", 2),
    ];
    for (name, kind) in shapes {
        let parts = grants_its_reservation(name, kind);
        // compute2 is a BIOS node: that iPXE runs on UEFI firmware this time is passed on to the script.
        let arch = if name == "snponly-efi-discover" { "&arch=efi-x64" } else { "" };
        assert_eq!(parts.file, format!("{SCRIPT}{arch}"), "{name}");
        assert_eq!(parts.option(175), Some(&[0xb0, 1, 1][..]), "{name}");
        assert_eq!(parts.option(60), None, "{name}");
    }
}

#[test]
fn systems_and_installers_get_an_address_and_nothing_to_boot() {
    let systems = [
        ("udhcpc-discover", 2),
        ("udhcpc-request", 5),
        ("anaconda-el6-discover", 2),
        ("dhclient-reboot-request", 5),
        ("dhclient-renew-request", 5),
    ];
    for (name, kind) in systems {
        let parts = grants_its_reservation(name, kind);
        assert_eq!(parts.file, "", "{name}");
        for absent in [60, 67, 175] {
            assert_eq!(parts.option(absent), None, "{name}: option {absent}");
        }
    }
}

#[test]
fn client_identifier_comes_back_and_one_mac_is_one_node_whatever_it_says() {
    for name in ["udhcpc-discover", "dhclient-reboot-request", "ipxe-rom-bios-discover"] {
        let parts = grants_its_reservation(name, if name.ends_with("request") { 5 } else { 2 });
        let sent = &packet(name);
        let identifier = parts.option(61).expect("option 61");
        assert!(sent.windows(identifier.len()).any(|window| window == identifier), "{name}");
    }
    assert_eq!(reply("ovmf-pxe-discover").2.option(61), None, "it sent none");
}

#[test]
fn reply_goes_where_the_client_can_hear_it() {
    let link = ReplyTo::Link { mac: COMPUTE2, address: ITS_ADDRESS };
    let relay = ReplyTo::Relay(Ipv4Addr::new(192, 168, 0, 250));
    let cases = [
        ("ipxe-rom-bios-discover", link),
        ("snponly-efi-discover", link),
        ("udhcpc-request", link),
        ("dhclient-reboot-request", link),
        ("undionly-discover", ReplyTo::Broadcast),
        ("ovmf-pxe-discover", ReplyTo::Broadcast),
        ("dhclient-renew-request", ReplyTo::Address(ITS_ADDRESS)),
        ("relayed-ovmf-discover", relay),
        ("non-utf8-hostname", relay),
    ];
    for (name, to) in cases {
        assert_eq!(reply(name).1.to, to, "{name}");
    }
}

#[test]
fn relayed_client_gets_the_same_answer_and_option_82_unchanged_and_last() {
    let direct = grants_its_reservation("ovmf-pxe-discover", 2);
    let relayed = grants_its_reservation("relayed-ovmf-discover", 2);
    assert_eq!(relayed.giaddr, Ipv4Addr::new(192, 168, 0, 250));
    assert_eq!(relayed.flags, 0x8000);
    assert_eq!(relayed.file, direct.file);
    let sent = [
        &[1, 6, 0, 4, 0, 1, 2, 3, 2, 8, 0, 6][..], // circuit and remote
        &[0xde, 0xad, 0xbe, 0xef, 0, 1],
        &[0x97, 2, 0, 0xff, 12, 0], // one of no standard, one that is empty
    ];
    assert_eq!(relayed.option(82), Some(&sent.concat()[..]));
    assert_eq!(relayed.order.last(), Some(&82));
}

#[test]
fn host_name_that_is_not_utf8_hides_nothing_after_it() {
    let (request, ..) = reply("non-utf8-hostname");
    assert_eq!(request.host_name.as_deref(), Some("k\u{fffd}che-\u{fffd}[2J"));
    assert_eq!(request.machine_uuid.unwrap().to_string(), "11223344-5566-7788-0102-030405060708");
    let parts = grants_its_reservation("non-utf8-hostname", 2);
    assert_eq!(parts.file, "snponly.efi");
    assert_eq!(parts.option(82).map(<[u8]>::len), Some(24));
}

#[test]
fn truncated_options_still_get_the_script() {
    let (request, ..) = reply("truncated-options");
    assert!(request.truncated);
    assert_eq!(grants_its_reservation("truncated-options", 2).file, SCRIPT);
}

#[test]
fn what_is_no_dhcp_request_is_refused_by_name() {
    let hlen = Malformed::HardwareAddress { htype: 1, hlen: 255 };
    assert_eq!(ask("hlen-255"), Answer::Malformed(hlen.clone()));
    let text = "its hardware address is of type 1 and 255 bytes long: Ethernet is type 1 with 6 bytes";
    assert_eq!(hlen.to_string(), text);
    assert_eq!(ask("no-magic-cookie"), Answer::Malformed(Malformed::NoMagicCookie));
    let ours = reply("udhcpc-discover").1.bytes;
    assert_eq!(answer(&ours), Answer::Malformed(Malformed::NotARequest(2)));
}

#[test]
fn silence_says_why() {
    let reason = |name| match ask(name) {
        Answer::Silence(_, reason) => reason.to_string(),
        other => panic!("{name}: wanted silence, got {other:?}"),
    };
    let unknown = "no node has the MAC 02:00:00:99:00:01: add it to the site file to answer it";
    assert_eq!(reason("unknown-mac-discover"), unknown);
    assert!(
        reason("aavmf-pxe-discover")
            .starts_with("there is no boot program for efi-arm64: name one in `[firmware.efi-arm64]`")
    );
}

#[test]
fn wrong_address_is_refused_with_a_reason_on_the_wire() {
    let mut bytes = packet("dhclient-reboot-request");
    let at = bytes.windows(6).position(|window| window == [50, 4, 192, 168, 0, 2]).expect("option 50");
    bytes[at + 5] = 77;
    let Answer::Reply(_, reply) = answer(&bytes) else { panic!("wanted a DHCPNAK") };
    assert_eq!((reply.kind, reply.to), (MessageKind::Nak, ReplyTo::Broadcast));
    let parts = Parts::of(&reply.bytes);
    assert_eq!((parts.yiaddr, parts.siaddr), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
    assert_eq!(parts.text(56), Some("192.168.0.77 is not reserved for this machine: 192.168.0.2 is"));
    assert_eq!(parts.order, [53, 54, 56, 61]);
}

/// The recorded packet `name` as a machine that is in no site file would send it, where a range is lent.
fn stranger(name: &str) -> (Site, Stranger) {
    let mut site = paper_site();
    site.network.discovery = Some((Ipv4Addr::new(192, 168, 0, 200), Ipv4Addr::new(192, 168, 0, 220)));
    let mut bytes = packet(name);
    bytes[28..34].copy_from_slice(&STRANGER.0);
    match answer_to(&site, &bytes) {
        Judgement::Stranger(stranger) => (site, stranger),
        other => panic!("{name}: wanted a stranger, got {other:?}"),
    }
}

const STRANGER: Mac = Mac([2, 0, 0, 0x99, 0, 1]);

#[test]
fn stranger_gets_the_lent_address_for_two_minutes_and_the_way_to_its_own_screen() {
    let told = "uuid=${uuid}&serial=${serial:uristring}&maker=${manufacturer:uristring}";
    let screen = format!("http://192.168.0.254/boot/02-00-00-99-00-01?{told}");
    let screen = screen.as_str();
    let http = "http://192.168.0.254/firmware/ipxe.efi";
    let lent = Ipv4Addr::new(192, 168, 0, 207);
    for (name, file, vendor_class) in [
        ("unknown-mac-discover", None, None),
        ("bios-rom-discover", Some("undionly.kpxe"), None),
        ("ovmf-pxe-discover", Some("snponly.efi"), None),
        ("ovmf-http-discover", Some(http), Some("HTTPClient")),
        ("undionly-discover", Some(screen), None),
        ("udhcpc-discover", Some(""), None),
    ] {
        let (site, stranger) = stranger(name);
        let Answer::Reply(_, reply) = stranger.lend(&site, lent) else { panic!("{name}: wanted a reply") };
        let parts = Parts::of(&reply.bytes);
        assert_eq!((reply.kind, &reply.node, parts.yiaddr), (MessageKind::Offer, &None, lent), "{name}");
        assert_eq!((parts.siaddr, parts.option(54)), (OURS, Some(&OURS.octets()[..])), "{name}");
        let times = [(51, 120u32), (58, 60), (59, 105)];
        for (number, seconds) in times {
            assert_eq!(parts.option(number), Some(&seconds.to_be_bytes()[..]), "{name}: option {number}");
        }
        assert_eq!(parts.option(1), Some(&[255, 255, 255, 0][..]), "{name}");
        for absent in [3, 6, 12] {
            assert_eq!(parts.option(absent), None, "{name}: a guest keeps its own routes, resolvers and name");
        }
        assert_eq!(parts.file, file.unwrap_or(&parts.file), "{name}");
        assert_eq!(parts.text(60), vendor_class, "{name}");
        assert_eq!(parts.option(175).is_some(), file == Some(screen), "{name}");
    }
}

#[test]
fn stranger_is_refused_an_address_with_a_reason_on_the_wire() {
    let lent = Ipv4Addr::new(192, 168, 0, 207);
    let mut bytes = packet("dhclient-reboot-request");
    bytes[28..34].copy_from_slice(&STRANGER.0);
    let at = bytes.windows(6).position(|window| window == [50, 4, 192, 168, 0, 2]).expect("option 50");
    bytes[at + 5] = 207;
    let (site, _) = stranger("udhcpc-discover");
    let Judgement::Stranger(stranger) = answer_to(&site, &bytes) else { panic!("wanted a stranger") };
    let Answer::Reply(_, reply) = stranger.refuse(&site, lent) else { panic!("wanted a DHCPNAK") };
    assert_eq!((reply.kind, reply.to, reply.boot_file()), (MessageKind::Nak, ReplyTo::Broadcast, None));
    let parts = Parts::of(&reply.bytes);
    assert_eq!(parts.text(56), Some("192.168.0.207 is not lent to this machine"));
    assert_eq!((parts.yiaddr, parts.siaddr), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
}
