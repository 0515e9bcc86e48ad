//! Beside another DHCP server: only what a machine loads, never an address (PXE 2.1, sections 2.2.1 and 2.2.5). The
//! shapes are those that OVMF and iPXE were seen to accept.

use std::net::Ipv4Addr;

use dhcproto::v4::DhcpOption;

use super::kind::MessageKind;
use super::options::code;
use super::reason::SilenceReason;
use super::reply::{self, HTTP_CLIENT};
use super::request::Request;
use super::{Answer, Reply, ReplyTo};
use crate::boot::{self, Asking, BootDecision};
use crate::site::Site;

/// The port of PXE boot servers.
pub(crate) const BOOT_SERVER_PORT: u16 = 4011;
/// What firmware must find in option 60 of an offer without an address.
const PXE_CLIENT: &[u8] = b"PXEClient";
/// Option 43: discovery control (6) with bit 3 set, "use the boot file of this offer", and the end mark. Without it
/// OVMF ignores the boot file and asks on port 4011.
const USE_THIS_FILE: [u8; 4] = [6, 1, 8, 255];

/// Where a packet arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// 67, where every client asks.
    Server,
    /// 4011, where a client that has its address asks a boot server.
    BootServer,
}

/// Decides what to tell a machine whose address is another server's business.
pub(super) fn answer(site: &Site, request: Box<Request>, port: Port) -> Answer {
    match respond(site, &request, port) {
        Ok(reply) => Answer::Reply(request, reply),
        Err(reason) => Answer::Silence(request, reason),
    }
}

fn respond(site: &Site, request: &Request, port: Port) -> Result<Reply, SilenceReason> {
    let kind = match (port, request.kind) {
        (Port::Server, MessageKind::Discover) => MessageKind::Offer,
        (Port::BootServer, MessageKind::Request | MessageKind::Inform) => MessageKind::Ack,
        (_, other) => return Err(SilenceReason::NotForUs(other)),
    };
    if request.boot.asking == Asking::System {
        return Err(SilenceReason::AnotherServersLease);
    }
    let node = site.node_by_mac(request.boot.mac);
    let network = node.map_or_else(|| super::network_from(site, request), |node| site.network_of(node));
    super::check_link(site, network, request)?;
    let decision = match boot::decide(site, None, &request.boot) {
        BootDecision::Ignore(reason) => return Err(reason.into()),
        decision => decision,
    };
    let to = match (port, request.relay) {
        (Port::BootServer, _) => ReplyTo::Sender,
        (Port::Server, Some(relay)) => ReplyTo::Relay(relay),
        // It has no address, and is offered none.
        (Port::Server, None) => ReplyTo::Broadcast,
    };
    Ok(Reply {
        kind,
        bytes: build(site, request, kind, &decision),
        to,
        node: node.map(|node| node.name.clone()),
        address: node.map_or(Ipv4Addr::UNSPECIFIED, |node| node.address),
        decision,
        refusal: None,
    })
}

fn build(site: &Site, request: &Request, kind: MessageKind, decision: &BootDecision) -> Vec<u8> {
    let server = site.server.address;
    let boot_file = reply::boot_file(decision).unwrap_or_default();
    // iPXE wants a next server also where the boot file is a URL.
    let mut header = reply::header(request, Ipv4Addr::UNSPECIFIED, server);
    if let Some(current) = request.client_address.filter(|_| kind == MessageKind::Ack) {
        header.set_ciaddr(current);
    }
    if boot_file.len() <= reply::LONGEST_FILE {
        header.set_fname(boot_file.as_bytes());
    }
    let mut writer = reply::start(&header, request);
    writer.push(&DhcpOption::MessageType(kind.into()));
    writer.push(&DhcpOption::ServerIdentifier(server));
    match decision {
        BootDecision::ChainloadHttp(..) => {
            writer.push(&DhcpOption::ClassIdentifier(HTTP_CLIENT.to_vec()));
        }
        _ => {
            writer.push(&DhcpOption::ClassIdentifier(PXE_CLIENT.to_vec()));
            writer.push_raw(code::VENDOR_SPECIFIC, &USE_THIS_FILE);
        }
    }
    if request.wants(code::BOOT_FILE) || boot_file.len() > reply::LONGEST_FILE {
        writer.push(&DhcpOption::BootfileName(boot_file.as_bytes().to_vec()));
    }
    if let Some(uuid) = &request.echo.machine_identifier {
        writer.push_raw(code::MACHINE_UUID, uuid);
    }
    if let Some(relay_information) = &request.echo.relay_information {
        writer.reserve_raw(code::RELAY_INFORMATION, relay_information);
    }
    reply::finish(writer, request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::DhcpMode;
    use crate::site::testing::paper_site;
    use crate::wire::dhcp::options::RawOptions;
    use crate::wire::dhcp::{Judgement, answer_at};

    const COMPUTE2: [u8; 6] = [0x52, 0x54, 0, 0xa8, 2, 1];

    fn packet(kind: u8, class: &[u8], more: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[28..34].copy_from_slice(&COMPUTE2);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        for (number, data) in [(53, &[kind][..]), (60, class)].iter().chain(more) {
            bytes.extend([*number, data.len() as u8]);
            bytes.extend_from_slice(data);
        }
        bytes
    }

    fn proxied() -> Site {
        let mut site = paper_site();
        site.server.dhcp = DhcpMode::Proxy;
        site
    }

    fn answered(bytes: &[u8], port: Port) -> Answer {
        match answer_at(&proxied(), bytes, port, |_| false) {
            Judgement::Final(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn reply_to(bytes: &[u8], port: Port) -> Reply {
        match answered(bytes, port) {
            Answer::Reply(_, reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    const OVMF: &[u8] = b"PXEClient:Arch:00007:UNDI:003000";

    #[test]
    fn firmware_is_offered_a_file_and_no_address() {
        let uuid = [0; 17];
        let reply = reply_to(&packet(1, OVMF, &[(93, &[0, 7]), (97, &uuid)]), Port::Server);
        assert_eq!((reply.kind, reply.to), (MessageKind::Offer, ReplyTo::Broadcast));
        assert_eq!(reply.bytes[16..24], [0, 0, 0, 0, 192, 168, 0, 254], "yiaddr and siaddr");
        assert_eq!(&reply.bytes[108..121], b"snponly.efi\0\0");
        let options = RawOptions::read(&reply.bytes);
        assert_eq!(options.get(60), Some(PXE_CLIENT));
        assert_eq!(options.get(43), Some(&USE_THIS_FILE[..]));
        assert_eq!(options.get(97), Some(&uuid[..]));
        assert_eq!((options.get(51), options.get(1), options.get(3)), (None, None, None), "no lease of ours");
    }

    #[test]
    fn a_client_that_asks_on_port_4011_is_answered_where_it_asks_from() {
        let mut bytes = packet(3, OVMF, &[(93, &[0, 7])]);
        bytes[12..16].copy_from_slice(&[192, 168, 0, 2]);
        let reply = reply_to(&bytes, Port::BootServer);
        assert_eq!((reply.kind, reply.to), (MessageKind::Ack, ReplyTo::Sender));
        assert_eq!(reply.bytes[12..24], [192, 168, 0, 2, 0, 0, 0, 0, 192, 168, 0, 254]);
        assert_eq!(reply.boot_file(), Some("snponly.efi"));
    }

    #[test]
    fn ipxe_gets_its_script_and_http_boot_its_url() {
        let ipxe = reply_to(&packet(1, b"PXEClient:Arch:00000:UNDI:002001", &[(77, b"iPXE")]), Port::Server);
        assert!(ipxe.boot_file().unwrap().starts_with("http://192.168.0.254/boot/52-54-00-a8-02-01"));
        assert_eq!(ipxe.bytes[20..24], [192, 168, 0, 254]);
        let http = reply_to(&packet(1, b"HTTPClient:Arch:00016:UNDI:003000", &[(93, &[0, 16])]), Port::Server);
        let options = RawOptions::read(&http.bytes);
        assert_eq!((options.get(60), options.get(43)), (Some(HTTP_CLIENT), None));
        assert_eq!(options.get(67), Some(&b"http://192.168.0.254/firmware/ipxe.efi"[..]));
    }

    #[test]
    fn leases_are_another_servers() {
        for (bytes, port) in [
            (packet(3, OVMF, &[(93, &[0, 7])]), Port::Server),
            (packet(1, b"udhcp 1.35.0", &[]), Port::Server),
            (packet(7, OVMF, &[(93, &[0, 7])]), Port::Server),
            (packet(1, OVMF, &[(93, &[0, 7])]), Port::BootServer),
            (packet(8, b"", &[]), Port::Server),
        ] {
            assert!(matches!(answered(&bytes, port), Answer::Silence(..)), "{:?}", &bytes[240..]);
        }
    }
}
