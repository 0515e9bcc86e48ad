//! One packet as a request in rackstart's own terms. Packets that are not a DHCP request of an Ethernet machine are
//! refused; any other fault is tolerated, and the options that could not be read are recorded.

use std::net::Ipv4Addr;

use dhcproto::v4::{HType, Opcode, borrowed};

use super::client::{arch_is_readable, client_arch, who_asks};
use super::kind::MessageKind;
use super::options::{RawOptions, code, sub_option};
use crate::boot::BootRequest;
use crate::site::{Mac, SmbiosUuid};

/// Longest text of a machine that is kept for people to read, in characters.
const MAX_TEXT: usize = 64;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const ETHERNET_ADDRESS: u8 = 6;
/// Sub-option 5 of option 82: the client's subnet, where `giaddr` is not on it (RFC 3527).
const LINK_SELECTION: u8 = 5;

/// Why a packet is not a DHCP request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than the 240 bytes of an empty message.
    #[error("it has {0} bytes: a DHCP message has at least 240")]
    TooShort(usize),
    /// A reply of some server, or noise.
    #[error("its op field is {0}: a request has 1")]
    NotARequest(u8),
    /// Not Ethernet, or an impossible length.
    #[error("its hardware address is of type {htype} and {hlen} bytes long: Ethernet is type 1 with 6 bytes")]
    HardwareAddress {
        /// The `htype` field.
        htype: u8,
        /// The `hlen` field.
        hlen: u8,
    },
    /// Plain BOOTP from before 1993, or noise.
    #[error("it has no DHCP magic cookie")]
    NoMagicCookie,
    /// Option 53 is missing or not one byte.
    #[error("it has no message type (option 53)")]
    NoMessageType,
}

/// Reads option 97 (RFC 4578 section 2.3): a zero byte, then the UUID as SMBIOS has it. Boards without a UUID send a
/// placeholder, which would make many machines look like one.
fn machine_uuid(data: [u8; 17]) -> Option<SmbiosUuid> {
    let [0, bytes @ ..] = data else { return None };
    SmbiosUuid::from_firmware(bytes)
}

/// Fields that a reply copies from its request, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Echo {
    pub xid: u32,
    pub flags: u16,
    pub client_identifier: Option<Vec<u8>>,
    pub relay_information: Option<Vec<u8>>,
    pub machine_identifier: Option<Vec<u8>>,
}

/// One DHCP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The type of the message.
    pub kind: MessageKind,
    /// What asks, on which machine, at which point of its boot.
    pub boot: BootRequest,
    /// The address that the client already uses (`ciaddr`).
    pub client_address: Option<Ipv4Addr>,
    /// The address that the client wants (option 50).
    pub requested_address: Option<Ipv4Addr>,
    /// The server that the client chose (option 54).
    pub server_identifier: Option<Ipv4Addr>,
    /// The relay agent that forwarded it (`giaddr`).
    pub relay: Option<Ipv4Addr>,
    /// An address on the client's subnet, as the relay agent says; equal to `relay` unless option 82 names another.
    pub link: Option<Ipv4Addr>,
    /// Whether the client cannot receive unicast before it has an address.
    pub broadcast: bool,
    /// Longest IP packet that the client accepts (option 57), in bytes.
    pub max_message_size: Option<u16>,
    /// Option numbers that the client asks for (option 55); `None` means any.
    pub wanted: Option<Vec<u8>>,
    /// The name that the machine gives itself, cleaned for people to read.
    pub host_name: Option<String>,
    /// Vendor class (option 60), cleaned for people to read.
    pub vendor_class: Option<String>,
    /// SMBIOS UUID (option 97).
    pub machine_uuid: Option<SmbiosUuid>,
    /// Numbers of options that were sent but could not be read; they were skipped.
    pub unreadable: Vec<u8>,
    /// Whether the last option extends past the end of the packet.
    pub truncated: bool,
    pub(super) echo: Echo,
}

impl Request {
    /// Reads a packet.
    pub fn read(packet: &[u8]) -> Result<Self, Malformed> {
        let message = borrowed::Message::new(packet).map_err(|_| Malformed::TooShort(packet.len()))?;
        if message.opcode() != Opcode::BootRequest {
            return Err(Malformed::NotARequest(packet[0]));
        }
        // Must come before any access to chaddr: dhcproto slices it by hlen, which may be 255.
        if message.htype() != HType::Eth || message.hlen() != ETHERNET_ADDRESS {
            return Err(Malformed::HardwareAddress { htype: packet[1], hlen: message.hlen() });
        }
        if packet[236..240] != MAGIC_COOKIE {
            return Err(Malformed::NoMagicCookie);
        }
        let options = RawOptions::read(packet);
        let [kind] = options.fixed::<1>(code::MESSAGE_TYPE).ok_or(Malformed::NoMessageType)?;
        let mut mac = [0; 6];
        mac.copy_from_slice(message.chaddr());
        let boot = BootRequest::new(Mac(mac), client_arch(&options), who_asks(&options));
        Ok(Self::from_parts(kind.into(), boot, &message, &options))
    }

    fn from_parts(kind: MessageKind, boot: BootRequest, message: &borrowed::Message<'_>, options: &RawOptions) -> Self {
        let relay = given(message.giaddr());
        let relay_information = options.get(code::RELAY_INFORMATION);
        let link_selection = relay_information.and_then(|data| sub_option(data, LINK_SELECTION));
        let link = link_selection.and_then(|data| <[u8; 4]>::try_from(data).ok()).map(Ipv4Addr::from);
        Self {
            kind,
            boot,
            client_address: given(message.ciaddr()),
            requested_address: options.address(code::REQUESTED_ADDRESS).and_then(given),
            server_identifier: options.address(code::SERVER_IDENTIFIER).and_then(given),
            relay,
            link: link.or(relay),
            broadcast: message.flags().broadcast(),
            max_message_size: options.fixed(code::MAX_MESSAGE_SIZE).map(u16::from_be_bytes),
            wanted: options.get(code::PARAMETER_REQUEST_LIST).map(<[u8]>::to_vec),
            host_name: options.get(code::HOST_NAME).map(readable),
            vendor_class: options.get(code::VENDOR_CLASS).map(readable),
            machine_uuid: options.fixed(code::MACHINE_UUID).and_then(machine_uuid),
            unreadable: unreadable(options),
            truncated: options.is_truncated(),
            echo: Echo {
                xid: message.xid(),
                flags: message.flags().into(),
                client_identifier: options.get(code::CLIENT_IDENTIFIER).map(<[u8]>::to_vec),
                relay_information: relay_information.map(<[u8]>::to_vec),
                machine_identifier: options.get(code::MACHINE_UUID).map(<[u8]>::to_vec),
            },
        }
    }

    /// Whether the client asked for an option; without option 55 it accepts any.
    pub fn wants(&self, number: u8) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&number))
    }
}

fn given(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}

/// Sanitises a machine's text for logs and screens: no control or direction characters, bounded, never a failure.
fn readable(data: &[u8]) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let text = String::from_utf8_lossy(data);
    let text = text.trim_end_matches('\0');
    text.chars().take(MAX_TEXT).map(|c| if plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn unreadable(options: &RawOptions) -> Vec<u8> {
    let sent = |number| options.get(number).is_some();
    let addresses = [code::REQUESTED_ADDRESS, code::SERVER_IDENTIFIER];
    let mut odd: Vec<u8> =
        addresses.into_iter().filter(|&number| sent(number) && options.address(number).is_none()).collect();
    if sent(code::MAX_MESSAGE_SIZE) && options.fixed::<2>(code::MAX_MESSAGE_SIZE).is_none() {
        odd.push(code::MAX_MESSAGE_SIZE);
    }
    if !arch_is_readable(options) {
        odd.push(code::CLIENT_ARCH);
    }
    if sent(code::MACHINE_UUID) && options.fixed::<17>(code::MACHINE_UUID).is_none() {
        odd.push(code::MACHINE_UUID);
    }
    odd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_of_option_97_prints_in_canonical_order() {
        let mut data = [0; 17];
        data[1..].copy_from_slice(&[0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 1, 2, 3, 4, 5, 6, 7, 8]);
        let uuid = machine_uuid(data).unwrap();
        assert_eq!(uuid.to_string(), "11223344-5566-7788-0102-030405060708");
        data[0] = 1;
        assert_eq!(machine_uuid(data), None);
        assert_eq!(machine_uuid([0; 17]), None, "a board without one");
    }

    #[test]
    fn text_of_a_machine_is_cleaned_and_bounded() {
        assert_eq!(readable(b"node-\xff\x1b[2J\n\0\0"), "node-\u{fffd}\u{fffd}[2J\u{fffd}");
        assert_eq!(readable("a\u{202e}b".as_bytes()), "a\u{fffd}b");
        assert_eq!(readable(&[b'x'; 300]).len(), MAX_TEXT);
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        let mut packet = vec![0; 240];
        assert_eq!(Request::read(&packet[..239]), Err(Malformed::TooShort(239)));
        assert_eq!(Request::read(&packet), Err(Malformed::NotARequest(0)));
        packet[0] = 1;
        packet[1] = 1;
        packet[2] = 255;
        assert_eq!(Request::read(&packet), Err(Malformed::HardwareAddress { htype: 1, hlen: 255 }));
        packet[2] = 6;
        assert_eq!(Request::read(&packet), Err(Malformed::NoMagicCookie));
        packet[236..].copy_from_slice(&MAGIC_COOKIE);
        assert_eq!(Request::read(&packet), Err(Malformed::NoMessageType));
        packet.extend([53, 0]);
        assert_eq!(Request::read(&packet), Err(Malformed::NoMessageType));
        packet.extend([53, 1, 1]);
        assert_eq!(Request::read(&packet).unwrap().kind, MessageKind::Discover);
    }
}
