//! The bytes of a reply. What each client needs, and what confuses it, was found by testing; the comments name the
//! client.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Flags, Message, Opcode, UnknownOption};
use dhcproto::{Encodable, Encoder};

use super::kind::MessageKind;
use super::options::code;
use super::reason::NakReason;
use super::request::Request;
use super::writer::OptionWriter;
use crate::boot::BootDecision;
use crate::site::{Node, Site};

/// IP and UDP headers, which option 57 includes in its count.
const IP_AND_UDP: usize = 28;
/// What every client must accept (RFC 2131 section 2).
const MIN_PACKET: u16 = 576;
/// The largest packet that Ethernet carries.
const MAX_PACKET: u16 = 1500;
/// The `file` field less its final NUL.
pub(super) const LONGEST_FILE: usize = 127;
/// Option 175, sub-option 176 set to 1: iPXE need not wait 3 s for offers of proxy servers.
const NO_PROXY_DHCP: [u8; 3] = [0xb0, 1, 1];
/// UEFI HTTP boot accepts only offers with this value in option 60.
pub(super) const HTTP_CLIENT: &[u8] = b"HTTPClient";

/// The inputs of a DHCPOFFER or DHCPACK.
pub(crate) struct Grant<'a> {
    /// The site that is served.
    pub site: &'a Site,
    /// The node that is answered; `None` for a machine that is in no site file.
    pub node: Option<&'a Node>,
    /// The address that it gets.
    pub address: Ipv4Addr,
    /// Lease time, in seconds.
    pub lease_seconds: u32,
    /// The request that is answered.
    pub request: &'a Request,
    /// What the machine is told to boot.
    pub decision: &'a BootDecision,
}

impl Grant<'_> {
    /// Builds a DHCPOFFER or DHCPACK. The answer to a DHCPINFORM gives no address and no lease (RFC 2131 section 3.4).
    pub(crate) fn build(&self, kind: MessageKind) -> Vec<u8> {
        let request = self.request;
        let server = self.site.server.address;
        let gives_address = request.kind != MessageKind::Inform;
        let yours = if gives_address { self.address } else { Ipv4Addr::UNSPECIFIED };
        let boot_file = boot_file(self.decision).unwrap_or_default();
        let mut header = header(request, yours, server);
        if kind == MessageKind::Ack {
            // The reply does not echo a `ciaddr` that is not the client's own address.
            let own = request.client_address.filter(|current| !gives_address || *current == self.address);
            header.set_ciaddr(own.unwrap_or(Ipv4Addr::UNSPECIFIED));
        }
        // Always in `file` too: shim takes its directory from there, never from option 67.
        if boot_file.len() <= LONGEST_FILE {
            header.set_fname(boot_file.as_bytes());
        }
        let mut writer = start(&header, request);
        writer.push(&DhcpOption::MessageType(kind.into()));
        writer.push(&DhcpOption::ServerIdentifier(server));
        if gives_address {
            self.push_lease(&mut writer);
        }
        self.push_network(&mut writer);
        self.push_boot(&mut writer, boot_file);
        self.push_names(&mut writer);
        finish(writer, request)
    }

    fn push_lease(&self, writer: &mut OptionWriter) {
        let lease = self.lease_seconds;
        writer.push(&DhcpOption::AddressLeaseTime(lease));
        writer.push(&DhcpOption::Renewal(lease / 2));
        writer.push(&DhcpOption::Rebinding(lease - lease / 8));
    }

    fn push_network(&self, writer: &mut OptionWriter) {
        let network = self.site.network_at(self.address);
        writer.push(&DhcpOption::SubnetMask(network.subnet.netmask()));
        // The node that is the router would install a route through itself, which Linux refuses. A stranger needs only
        // this server: a laptop keeps the routes and resolvers that it has.
        if self.node.is_some() && network.router != self.address {
            writer.push(&DhcpOption::Router(vec![network.router]));
        }
    }

    fn push_boot(&self, writer: &mut OptionWriter, boot_file: &str) {
        let fits_file = boot_file.len() <= LONGEST_FILE;
        if !boot_file.is_empty() && (self.request.wants(code::BOOT_FILE) || !fits_file) {
            let mut name = boot_file.as_bytes().to_vec();
            if !boot_file.contains("://") {
                // Old firmware reads the name up to a zero byte and ignores its length. Other clients cut the zero byte
                // off.
                name.push(0);
            }
            writer.push(&DhcpOption::BootfileName(name));
        }
        match self.decision {
            // Never `PXEClient` without option 43: OVMF would then query port 4011.
            BootDecision::ChainloadHttp(..) => {
                writer.push(&DhcpOption::ClassIdentifier(HTTP_CLIENT.to_vec()));
            }
            BootDecision::Script(_) => {
                writer.push(&DhcpOption::Unknown(UnknownOption::new(code::IPXE.into(), NO_PROXY_DHCP.to_vec())));
            }
            _ => {}
        }
    }

    fn push_names(&self, writer: &mut OptionWriter) {
        let network = self.site.network_at(self.address);
        if let Some(relay_information) = &self.request.echo.relay_information {
            writer.reserve_raw(code::RELAY_INFORMATION, relay_information);
        }
        if self.node.is_some() && !network.dns.is_empty() {
            writer.push(&DhcpOption::DomainNameServer(network.dns.clone()));
        }
        if let Some(node) = self.node {
            writer.push(&DhcpOption::Hostname(node.name.as_str().into()));
        }
        if let (Some(domain), true) = (&self.site.domain, self.node.is_some()) {
            if self.request.wants(code::DOMAIN_NAME) {
                writer.push_raw(code::DOMAIN_NAME, domain.as_bytes());
            }
            if self.request.wanted.is_some() && self.request.wants(code::DOMAIN_SEARCH) {
                writer.push_raw(code::DOMAIN_SEARCH, &labels(domain));
            }
        }
        if self.request.wanted.is_some() && self.request.wants(code::BROADCAST_ADDRESS) {
            writer.push(&DhcpOption::BroadcastAddr(network.subnet.broadcast()));
        }
    }
}

/// A domain as DNS writes it (RFC 3397): each label behind its length, and the root at the end.
fn labels(domain: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + 2);
    for label in domain.split('.') {
        // `config` lets no label have more than 63 letters.
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// The boot file of a decision: a TFTP name or a URL.
pub(crate) fn boot_file(decision: &BootDecision) -> Option<&str> {
    match decision {
        BootDecision::ChainloadTftp(file) => Some(file.name()),
        BootDecision::ChainloadHttp(_, url) | BootDecision::Script(url) => Some(url),
        BootDecision::Ignore(_)
        | BootDecision::AddressOnly
        | BootDecision::Install
        | BootDecision::LocalDisk(_)
        | BootDecision::Unknown => None,
    }
}

/// Builds a DHCPNAK: no address, no server address, only who refuses and why (RFC 2131 table 3).
pub(crate) fn nak(site: &Site, request: &Request, reason: &NakReason) -> Vec<u8> {
    let mut header = header(request, Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
    if request.relay.is_some() {
        // The client may hold an address of another network, so its relay agent must broadcast.
        header.set_flags(header.flags().set_broadcast());
    }
    let mut writer = start(&header, request);
    writer.push(&DhcpOption::MessageType(MessageKind::Nak.into()));
    writer.push(&DhcpOption::ServerIdentifier(site.server.address));
    if let Some(relay_information) = &request.echo.relay_information {
        writer.reserve_raw(code::RELAY_INFORMATION, relay_information);
    }
    writer.push(&DhcpOption::Message(reason.to_string()));
    finish(writer, request)
}

pub(super) fn header(request: &Request, yours: Ipv4Addr, server: Ipv4Addr) -> Message {
    let relay = request.relay.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let none = Ipv4Addr::UNSPECIFIED;
    let mut header = Message::new_with_id(request.echo.xid, none, yours, server, relay, &request.boot.mac.0);
    header.set_opcode(Opcode::BootReply);
    header.set_flags(Flags::new(request.echo.flags));
    header
}

pub(super) fn start(header: &Message, request: &Request) -> OptionWriter {
    let packet = request.max_message_size.unwrap_or(MIN_PACKET).clamp(MIN_PACKET, MAX_PACKET);
    let mut bytes = Vec::with_capacity(usize::from(MIN_PACKET));
    // Writing fixed fields into a Vec cannot fail.
    let _ = header.encode(&mut Encoder::new(&mut bytes));
    OptionWriter::new(bytes, usize::from(packet) - IP_AND_UDP)
}

/// Echoes the client identifier (RFC 6842) and, unchanged and as the very last option, the relay agent information (RFC
/// 3046).
pub(super) fn finish(mut writer: OptionWriter, request: &Request) -> Vec<u8> {
    let echo = &request.echo;
    if let Some(client_identifier) = &echo.client_identifier {
        writer.push_raw(code::CLIENT_IDENTIFIER, client_identifier);
    }
    writer.release();
    if let Some(relay_information) = &echo.relay_information {
        writer.push_raw(code::RELAY_INFORMATION, relay_information);
    }
    writer.finish()
}
