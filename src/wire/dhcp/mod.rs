//! DHCP (RFC 2131, 2132, PXE 2.1): packet in, answer out, in one pure call. Nodes have reservations, so no state is
//! kept: a storm of requests costs no store writes, and the same packet always gets the same answer. Only a stranger's
//! answer needs an address that the caller first lends it.

mod client;
mod destination;
mod kind;
mod options;
mod probe;
mod proxy;
mod reason;
mod reply;
mod request;
mod stranger;
mod verdict;
mod writer;

use std::net::Ipv4Addr;

pub use destination::ReplyTo;
pub use kind::MessageKind;
pub(crate) use probe::{Heard, Mark, Probe};
pub(crate) use proxy::{BOOT_SERVER_PORT, Port};
pub use reason::{NakReason, SilenceReason};
pub use request::{Malformed, Request};
pub use stranger::Stranger;
pub(crate) use stranger::{LENT_SECONDS, Wish};

use crate::boot::{self, BootDecision, BootRequest};
use crate::site::{DhcpMode, Network, Node, NodeName, Site};
use reply::Grant;
use verdict::Verdict;

/// What a packet leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This answer, independent of earlier packets.
    Final(Answer),
    /// A machine that is in no site file may be lent an address; its answer follows from that.
    Stranger(Stranger),
}

/// What to do with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Send something.
    Reply(Box<Request>, Reply),
    /// Send nothing, and say why.
    Silence(Box<Request>, SilenceReason),
    /// Not a DHCP request at all.
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
    /// The node that asked; `None` for a machine that is in no site file.
    pub node: Option<NodeName>,
    /// The address that is reserved for the client or lent to it; in a DHCPNAK to a stranger, the one that it cannot
    /// have.
    pub address: Ipv4Addr,
    /// What the client was told to boot.
    pub decision: BootDecision,
    /// Why a DHCPNAK refuses.
    pub refusal: Option<NakReason>,
}

impl Reply {
    fn granting(grant: &Grant<'_>, kind: MessageKind) -> Self {
        Self::of(grant, kind, grant.build(kind), None)
    }

    fn refusing(grant: &Grant<'_>, reason: NakReason) -> Self {
        Self::of(grant, MessageKind::Nak, reply::nak(grant.site, grant.request, &reason), Some(reason))
    }

    fn of(grant: &Grant<'_>, kind: MessageKind, bytes: Vec<u8>, refusal: Option<NakReason>) -> Self {
        let to = ReplyTo::of(grant.request, kind, grant.address);
        let node = grant.node.map(|node| node.name.clone());
        Self { kind, bytes, to, node, address: grant.address, decision: grant.decision.clone(), refusal }
    }

    /// The boot file that the reply names, if any: a TFTP name or a URL.
    pub fn boot_file(&self) -> Option<&str> {
        if self.refusal.is_some() { None } else { reply::boot_file(&self.decision) }
    }
}

/// Decides the answer to one packet (the UDP payload). Never fails, never waits and keeps no state.
pub fn answer_to(site: &Site, packet: &[u8]) -> Judgement {
    answer_at(site, packet, Port::Server, |_| false)
}

/// Like [`answer_to`], for a packet that came to `port`, where `refuses` knows whether a machine's firmware refuses
/// programs that nobody signed.
pub(crate) fn answer_at(
    site: &Site,
    packet: &[u8],
    port: Port,
    refuses: impl FnOnce(&BootRequest) -> bool,
) -> Judgement {
    let mut request = match Request::read(packet) {
        Ok(request) => Box::new(request),
        Err(malformed) => return Judgement::Final(Answer::Malformed(malformed)),
    };
    request.boot.refuses_unsigned = refuses(&request.boot);
    if site.server.dhcp == DhcpMode::Proxy || port == Port::BootServer {
        return Judgement::Final(proxy::answer(site, request, port));
    }
    let Some(node) = site.node_by_mac(request.boot.mac) else {
        return Stranger::classify(site, request);
    };
    Judgement::Final(match respond(site, node, &request) {
        Ok(reply) => Answer::Reply(request, reply),
        Err(reason) => Answer::Silence(request, reason),
    })
}

fn respond(site: &Site, node: &Node, request: &Request) -> Result<Reply, SilenceReason> {
    match request.kind {
        MessageKind::Decline => return Err(SilenceReason::Declined(node.address)),
        MessageKind::Release => return Err(SilenceReason::Released(node.address)),
        _ => check_link(site, site.network_of(node), request)?,
    }
    let decision = boot::decide(site, None, &request.boot);
    if let BootDecision::Ignore(reason) = decision {
        return Err(reason.into());
    }
    let grant = Grant {
        site,
        node: Some(node),
        address: node.address,
        lease_seconds: site.network_of(node).lease_seconds,
        request,
        decision: &decision,
    };
    match request.kind {
        MessageKind::Discover => Ok(Reply::granting(&grant, MessageKind::Offer)),
        MessageKind::Inform => Ok(Reply::granting(&grant, MessageKind::Ack)),
        MessageKind::Request => Ok(match verdict::decide(site, node, request)? {
            Verdict::Confirm => Reply::granting(&grant, MessageKind::Ack),
            Verdict::Refuse(reason) => Reply::refusing(&grant, reason),
        }),
        other => Err(SilenceReason::NotForUs(other)),
    }
}

/// Checks the request's addresses against the network of the machine: an address works only on its own subnet, and a
/// reply goes only where a machine can be, on our link or behind a relay agent that the site file names. Anybody can
/// write any address into a request.
fn check_link(site: &Site, network: &Network, request: &Request) -> Result<(), SilenceReason> {
    let subnet = network.subnet;
    let in_use = request.client_address.filter(|address| network.has_machine(*address));
    match (request.relay, request.link) {
        (Some(relay), _) if relay.is_multicast() || relay.is_broadcast() || is_end_of_a_network(site, relay) => {
            return Err(SilenceReason::ImpossibleRelay(relay));
        }
        (Some(relay), _) if !site.networks().any(|network| network.relays.contains(&relay)) => {
            return Err(SilenceReason::UnknownRelay(relay));
        }
        (Some(relay), _) if !network.relays.contains(&relay) => {
            return Err(SilenceReason::RelayOffSubnet { relay, subnet });
        }
        (Some(_), Some(relay)) if !subnet.contains(&relay) => {
            return Err(SilenceReason::RelayOffSubnet { relay, subnet });
        }
        // Only a machine that has its address, as one that renews its lease, asks without the relay agent.
        (None, _) if *network != site.network && (request.kind == MessageKind::Discover || in_use.is_none()) => {
            return Err(SilenceReason::OffItsNetwork(subnet));
        }
        _ => {}
    }
    match (request.kind, request.client_address) {
        (MessageKind::Inform, Some(address)) if in_use.is_none() => {
            Err(SilenceReason::AddressOffSubnet { address, subnet })
        }
        _ => Ok(()),
    }
}

/// Whether this is the broadcast address of a provisioning network.
fn is_end_of_a_network(site: &Site, relay: Ipv4Addr) -> bool {
    site.subnets().any(|subnet| relay == subnet.broadcast())
}

/// The network that a machine without a reservation asks from: that of its relay agent, or our own.
fn network_from<'a>(site: &'a Site, request: &Request) -> &'a Network {
    request.link.filter(|_| request.relay.is_some()).map_or(&site.network, |link| site.network_at(link))
}

#[cfg(test)]
mod tests;
