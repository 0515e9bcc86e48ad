//! Where a reply must go (RFC 2131 section 4.1), as a value.

use std::fmt;
use std::net::Ipv4Addr;

use super::kind::MessageKind;
use super::request::Request;
use crate::site::Mac;

/// Where a reply must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTo {
    /// To the relay agent's server port (67), by the routing table.
    Relay(Ipv4Addr),
    /// To the address that the client already uses, client port, by the routing table.
    Address(Ipv4Addr),
    /// Straight to the network card, client port: it has no address yet, so it cannot answer ARP.
    Link {
        /// The card.
        mac: Mac,
        /// The address it is about to get.
        address: Ipv4Addr,
    },
    /// Back to the address and port that asked: a boot server's answer.
    Sender,
    /// To everybody on the link, client port: the client asked for it, or may not use any address.
    Broadcast,
}

impl ReplyTo {
    /// Chooses the destination of a reply of `kind` that gives `address`.
    pub(crate) fn of(request: &Request, kind: MessageKind, address: Ipv4Addr) -> Self {
        if let Some(relay) = request.relay {
            return Self::Relay(relay);
        }
        if kind == MessageKind::Nak {
            return Self::Broadcast;
        }
        match request.client_address {
            // A DHCPDISCOVER must not have a `ciaddr`; one that does asks to start anew. A DHCPREQUEST may carry any
            // address there, so it counts only if it is the one that the client gets; that of a DHCPINFORM was already
            // found to be on the subnet.
            Some(current) if request.kind == MessageKind::Inform => Self::Address(current),
            Some(current) if request.kind == MessageKind::Request && current == address => Self::Address(current),
            _ if request.broadcast => Self::Broadcast,
            _ => Self::Link { mac: request.boot.mac, address },
        }
    }
}

impl fmt::Display for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relay(relay) => write!(f, "relay agent {relay}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Link { mac, address } => write!(f, "{address} at {mac}"),
            Self::Sender => f.write_str("whoever asked"),
            Self::Broadcast => f.write_str("broadcast"),
        }
    }
}
