//! A probe for other DHCP servers on a link: the DHCPDISCOVER that asks, the servers' answers to it, and the mark by
//! which one rackstart recognises another. The mark proves nothing; `server::dhcp::rivals` decides what follows from
//! it.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Flags, Message, Opcode, UnknownOption};
use dhcproto::{Encodable, Encoder};

use super::kind::MessageKind;
use super::options::{RawOptions, code, sub_option};
use super::writer::OptionWriter;
use crate::site::Mac;

/// Vendor class (option 60) of everything that carries a mark.
const CLASS: &[u8] = b"rackstart";
/// Sub-options of option 43.
const ID: u8 = 1;
const AGE: u8 = 2;
const SERVES: u8 = 3;
/// What every client and relay agent must accept, without IP and UDP headers (RFC 2131 section 2).
const LONGEST: usize = 548;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

/// What a rackstart says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Random; drawn when the daemon starts.
    pub id: [u8; 16],
    /// Milliseconds since the daemon started.
    pub age: u64,
    /// Whether it answers nodes.
    pub serves: bool,
}

impl Mark {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![ID, 16];
        bytes.extend(self.id);
        bytes.extend([AGE, 8]);
        bytes.extend(self.age.to_be_bytes());
        bytes.extend([SERVES, 1, self.serves.into()]);
        bytes
    }

    fn of(options: &RawOptions) -> Option<Self> {
        if options.get(code::VENDOR_CLASS) != Some(CLASS) {
            return None;
        }
        let data = options.get(code::VENDOR_SPECIFIC)?;
        let id = sub_option(data, ID)?.try_into().ok()?;
        let age = u64::from_be_bytes(sub_option(data, AGE)?.try_into().ok()?);
        Some(Self { id, age, serves: sub_option(data, SERVES)? == [1] })
    }
}

/// A probe from another rackstart, or our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The hardware address that the probe carries.
    pub mac: Mac,
    /// The transaction number of the probe.
    pub xid: u32,
    /// The mark of the daemon that asks.
    pub mark: Mark,
}

impl Probe {
    /// Builds the DHCPDISCOVER. It asks for a broadcast answer, so that every rackstart on the link can hear it.
    pub(crate) fn discover(&self) -> Vec<u8> {
        message(Opcode::BootRequest, self, MessageKind::Discover, None, &self.mark)
    }

    /// Parses a probe; `None` for every other packet.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        // Cheap for all other packets: the mark comes first.
        let class = packet.get(240..242 + CLASS.len())?;
        if packet[0] != 1 || class[0] != code::VENDOR_CLASS || &class[2..] != CLASS {
            return None;
        }
        let (mac, xid) = asker(packet)?;
        Some(Self { mac, xid, mark: Mark::of(&RawOptions::read(packet))? })
    }

    /// The answer of a rackstart at `server`: a DHCPOFFER without an address, with its own mark.
    pub(crate) fn answer(&self, server: Ipv4Addr, mark: &Mark) -> Vec<u8> {
        message(Opcode::BootReply, self, MessageKind::Offer, Some(server), mark)
    }
}

/// What some server said, to any client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// DHCPOFFER, DHCPACK or DHCPNAK.
    pub kind: MessageKind,
    /// Its server identifier (option 54).
    pub server: Ipv4Addr,
    /// Present when the server is a rackstart.
    pub mark: Option<Mark>,
}

impl Heard {
    /// Parses a packet to the client's port; `None` unless a DHCP server sent it and says who it is.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        if packet.get(236..240)? != MAGIC_COOKIE || packet[0] != 2 {
            return None;
        }
        let options = RawOptions::read(packet);
        let [kind] = options.fixed::<1>(code::MESSAGE_TYPE)?;
        let kind = MessageKind::from(kind);
        let speaks = matches!(kind, MessageKind::Offer | MessageKind::Ack | MessageKind::Nak);
        let server = options.address(code::SERVER_IDENTIFIER).filter(|server| !server.is_unspecified())?;
        speaks.then(|| Self { kind, server, mark: Mark::of(&options) })
    }
}

fn asker(packet: &[u8]) -> Option<(Mac, u32)> {
    let mac = packet.get(28..34)?.try_into().ok()?;
    let xid = packet.get(4..8)?.try_into().ok()?;
    Some((Mac(mac), u32::from_be_bytes(xid)))
}

fn message(opcode: Opcode, probe: &Probe, kind: MessageKind, server: Option<Ipv4Addr>, mark: &Mark) -> Vec<u8> {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut header = Message::new_with_id(probe.xid, none, none, none, none, &probe.mac.0);
    header.set_opcode(opcode);
    header.set_flags(Flags::default().set_broadcast());
    let mut bytes = Vec::with_capacity(LONGEST);
    // Writing fixed fields into a Vec cannot fail.
    let _ = header.encode(&mut Encoder::new(&mut bytes));
    let mut writer = OptionWriter::new(bytes, LONGEST);
    writer.push(&DhcpOption::ClassIdentifier(CLASS.to_vec()));
    writer.push(&DhcpOption::MessageType(kind.into()));
    if let Some(server) = server {
        writer.push(&DhcpOption::ServerIdentifier(server));
    }
    writer.push(&DhcpOption::Unknown(UnknownOption::new(code::VENDOR_SPECIFIC.into(), mark.bytes())));
    writer.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 254);

    fn probe() -> Probe {
        let mark = Mark { id: [7; 16], age: 61_000, serves: true };
        Probe { mac: Mac([2, 0, 0, 0, 0, 9]), xid: 0xdead_beef, mark }
    }

    #[test]
    fn a_probe_is_a_discover_that_every_server_understands_and_a_rackstart_knows() {
        let bytes = probe().discover();
        assert_eq!(Probe::read(&bytes), Some(probe()));
        let request = super::super::Request::read(&bytes).unwrap();
        assert_eq!((request.kind, request.boot.mac), (MessageKind::Discover, probe().mac));
        assert!(request.broadcast && bytes.len() >= 300);
        assert_eq!(Heard::read(&bytes), None, "no server sent it");
    }

    #[test]
    fn the_answer_names_the_server_and_its_mark_and_offers_no_address() {
        let mark = Mark { id: [9; 16], age: 3, serves: false };
        let bytes = probe().answer(OURS, &mark);
        let heard = Heard { kind: MessageKind::Offer, server: OURS, mark: Some(mark) };
        assert_eq!(Heard::read(&bytes), Some(heard));
        assert_eq!(bytes[16..20], [0; 4], "yiaddr");
        assert_eq!(bytes[4..8], [0xde, 0xad, 0xbe, 0xef], "xid");
        assert_eq!(Probe::read(&bytes), None);
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(mut packet in proptest::collection::vec(any::<u8>(), 0..600), server in any::<bool>()) {
            let _ = (Probe::read(&packet), Heard::read(&packet));
            if packet.len() > 260 {
                packet[0] = if server { 2 } else { 1 };
                packet[236..240].copy_from_slice(&MAGIC_COOKIE);
                packet[240] = code::VENDOR_CLASS;
                packet[241] = CLASS.len() as u8;
                packet[242..242 + CLASS.len()].copy_from_slice(CLASS);
                let _ = (Probe::read(&packet), Heard::read(&packet));
            }
        }
    }
}
