//! DHCP (RFC 2131, 2132, PXE 2.1): packet in, answer out, in one pure call. Reservations only: nothing is remembered,
//! so a storm of requests costs no store and the same packet always has the same answer.

mod client;
mod destination;
mod kind;
mod options;
mod reason;
mod reply;
mod request;
mod verdict;
mod writer;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use destination::ReplyTo;
pub use kind::MessageKind;
pub use reason::{NakReason, SilenceReason};
pub use request::{MachineUuid, Malformed, Request};

use crate::boot::{self, BootDecision};
use crate::site::{Node, NodeName, Site};
use reply::Grant;
use verdict::Verdict;

/// What to do with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send something.
    Reply(Box<Request>, Reply),
    /// Send nothing, and say why.
    Silence(Box<Request>, SilenceReason),
    /// No DHCP request at all.
    Malformed(Malformed),
}

/// A reply, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// DHCPOFFER, DHCPACK or DHCPNAK.
    pub kind: MessageKind,
    /// The DHCP message: 300 to 1472 bytes.
    pub bytes: Vec<u8>,
    /// Where it must go.
    pub to: ReplyTo,
    /// The node that asked.
    pub node: NodeName,
    /// The address reserved for it.
    pub address: Ipv4Addr,
    /// What it was told to boot.
    pub decision: BootDecision,
    /// Why a DHCPNAK refuses.
    pub refusal: Option<NakReason>,
}

impl Reply {
    /// The boot file it names, if any: a TFTP name or a URL.
    pub fn boot_file(&self) -> Option<&str> {
        if self.refusal.is_some() { None } else { reply::boot_file(&self.decision) }
    }
}

/// Answers one packet (the UDP payload). Never fails, never waits, never remembers.
pub fn answer(site: &Site, packet: &[u8]) -> Answer {
    match Request::read(packet) {
        Ok(request) => match respond(site, &request) {
            Ok(reply) => Answer::Reply(Box::new(request), reply),
            Err(reason) => Answer::Silence(Box::new(request), reason),
        },
        Err(malformed) => Answer::Malformed(malformed),
    }
}

fn respond(site: &Site, request: &Request) -> Result<Reply, SilenceReason> {
    let Some(node) = site.node_by_mac(request.boot.mac) else { return Err(unknown(site, request)) };
    match request.kind {
        MessageKind::Decline => return Err(SilenceReason::Declined(node.address)),
        MessageKind::Release => return Err(SilenceReason::Released(node.address)),
        _ => check_link(site.network.subnet, request)?,
    }
    let decision = boot::decide(site, None, &request.boot);
    if let BootDecision::Ignore(reason) = decision {
        return Err(reason.into());
    }
    let kind = match request.kind {
        MessageKind::Discover => MessageKind::Offer,
        MessageKind::Inform => MessageKind::Ack,
        MessageKind::Request => match verdict::judge(site, node, request)? {
            Verdict::Confirm => MessageKind::Ack,
            Verdict::Refuse(reason) => return Ok(refuse(site, node, request, decision, reason)),
        },
        other => return Err(SilenceReason::NotForUs(other)),
    };
    Ok(Reply {
        kind,
        bytes: Grant { site, node, request, decision: &decision }.build(kind),
        to: ReplyTo::of(request, kind, node.address),
        node: node.name.clone(),
        address: node.address,
        decision,
        refusal: None,
    })
}

fn refuse(site: &Site, node: &Node, request: &Request, decision: BootDecision, reason: NakReason) -> Reply {
    Reply {
        kind: MessageKind::Nak,
        bytes: reply::nak(site, request, &reason),
        to: ReplyTo::of(request, MessageKind::Nak, node.address),
        node: node.name.clone(),
        address: node.address,
        decision,
        refusal: Some(reason),
    }
}

/// A MAC without a reservation: perhaps another card of a node, which is worth saying.
fn unknown(site: &Site, request: &Request) -> SilenceReason {
    let mac = request.boot.mac;
    for node in &site.nodes {
        if let Some(nic) = node.nics.iter().find(|nic| nic.mac == mac) {
            let (node, nic, boot_mac) = (node.name.clone(), nic.name.clone(), node.mac);
            return SilenceReason::NotTheBootNic { mac, node, nic, boot_mac };
        }
    }
    boot::IgnoreReason::UnknownMac(mac).into()
}

/// An address only works on its own subnet, and a reply only goes where a machine can be.
fn check_link(subnet: Ipv4Net, request: &Request) -> Result<(), SilenceReason> {
    if let Some(relay) = request.relay
        && (relay.is_multicast() || relay.is_broadcast() || relay == subnet.broadcast())
    {
        return Err(SilenceReason::ImpossibleRelay(relay));
    }
    if let Some(relay) = request.link
        && request.relay.is_some()
        && !subnet.contains(&relay)
    {
        return Err(SilenceReason::RelayOffSubnet { relay, subnet });
    }
    match (request.kind, request.client_address) {
        (MessageKind::Inform, Some(address)) if !subnet.contains(&address) || address == subnet.broadcast() => {
            Err(SilenceReason::AddressOffSubnet { address, subnet })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
