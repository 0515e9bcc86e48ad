//! The DHCP message types, by their RFC names.

use std::fmt;

use dhcproto::v4::MessageType;

/// What a DHCP message is (option 53). Prints as in the RFC: `DHCPDISCOVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum MessageKind {
    Discover,
    Offer,
    Request,
    Decline,
    Ack,
    Nak,
    Release,
    Inform,
    /// Anything else, for example a lease query.
    Other(u8),
}

impl From<u8> for MessageKind {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            other => Self::Other(other),
        }
    }
}

impl From<MessageKind> for MessageType {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Discover => Self::Discover,
            MessageKind::Offer => Self::Offer,
            MessageKind::Request => Self::Request,
            MessageKind::Decline => Self::Decline,
            MessageKind::Ack => Self::Ack,
            MessageKind::Nak => Self::Nak,
            MessageKind::Release => Self::Release,
            MessageKind::Inform => Self::Inform,
            MessageKind::Other(number) => Self::from(number),
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discover => "DHCPDISCOVER",
            Self::Offer => "DHCPOFFER",
            Self::Request => "DHCPREQUEST",
            Self::Decline => "DHCPDECLINE",
            Self::Ack => "DHCPACK",
            Self::Nak => "DHCPNAK",
            Self::Release => "DHCPRELEASE",
            Self::Inform => "DHCPINFORM",
            Self::Other(number) => return write!(f, "DHCP message type {number}"),
        })
    }
}
