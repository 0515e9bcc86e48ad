//! A machine that is in no site file, where a discovery range exists: what it wants, and the reply once an address is
//! lent to it. Which machine holds which address is not known here.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::kind::MessageKind;
use super::reason::{NakReason, SilenceReason};
use super::reply::Grant;
use super::request::Request;
use super::{Answer, Judgement, Reply, check_link, network_from};
use crate::boot::{self, BootDecision, IgnoreReason};
use crate::site::Site;

/// Lease time of a lent address: long enough to load iPXE and read the screen, short enough to wait for its end.
pub(crate) const LENT_SECONDS: u32 = 120;

/// What a stranger wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Any address (DHCPDISCOVER).
    Any,
    /// This address of the range (DHCPREQUEST).
    This(Ipv4Addr),
    /// To give this address back (DHCPRELEASE).
    GiveBack(Ipv4Addr),
    /// An address other than this one, which another machine uses (DHCPDECLINE).
    Decline(Ipv4Addr),
}

/// A machine that may be lent an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The request that it sent.
    pub request: Box<Request>,
    /// What it wants.
    pub wish: Wish,
    /// The subnet that it asks from.
    pub subnet: Ipv4Net,
    decision: BootDecision,
}

impl Stranger {
    /// Classifies the request of a machine that is not a node.
    pub(super) fn classify(site: &Site, request: Box<Request>) -> Judgement {
        match wish(site, &request) {
            Ok((wish, subnet, decision)) => Judgement::Stranger(Self { request, wish, subnet, decision }),
            Err(reason) => Judgement::Final(Answer::Silence(request, reason)),
        }
    }

    /// The answer that gives it `address`: a DHCPOFFER of what it may have, or a DHCPACK of what it asked for.
    pub fn lend(self, site: &Site, address: Ipv4Addr) -> Answer {
        let kind = if self.wish == Wish::Any { MessageKind::Offer } else { MessageKind::Ack };
        let reply = Reply::granting(&self.grant(site, address), kind);
        Answer::Reply(self.request, reply)
    }

    /// The answer that refuses `address`, so that the machine starts again at once.
    pub fn refuse(self, site: &Site, address: Ipv4Addr) -> Answer {
        let reply = Reply::refusing(&self.grant(site, address), NakReason::NotLent(address));
        Answer::Reply(self.request, reply)
    }

    /// Leaves the request unanswered.
    pub(crate) fn silence(self, reason: SilenceReason) -> Answer {
        Answer::Silence(self.request, reason)
    }

    fn grant<'a>(&'a self, site: &'a Site, address: Ipv4Addr) -> Grant<'a> {
        let Self { request, decision, .. } = self;
        Grant { site, node: None, address, lease_seconds: LENT_SECONDS, request, decision }
    }
}

fn wish(site: &Site, request: &Request) -> Result<(Wish, Ipv4Net, BootDecision), SilenceReason> {
    let mac = request.boot.mac;
    let decision = match boot::decide(site, None, &request.boot) {
        BootDecision::Ignore(reason) => return Err(reason.into()),
        decision => decision,
    };
    if mac.is_multicast() || mac.is_zero() {
        return Err(SilenceReason::ImpossibleMac(mac));
    }
    let network = network_from(site, request);
    check_link(site, network, request)?;
    if network.discovery.is_none() {
        return Err(IgnoreReason::UnknownMac(mac).into());
    }
    // The address in use has precedence: the reply goes there.
    let named = request.client_address.or(request.requested_address).ok_or(SilenceReason::NamesNoAddress);
    let wish = match request.kind {
        MessageKind::Discover => Wish::Any,
        MessageKind::Request => Wish::This(asked_of_us(site, request, named?)?),
        MessageKind::Release => Wish::GiveBack(named?),
        MessageKind::Decline => Wish::Decline(named?),
        other => return Err(SilenceReason::NotForUs(other)),
    };
    Ok((wish, network.subnet, decision))
}

/// Whether a DHCPREQUEST is for us. Unlike for nodes we are not authoritative here: another server may know this
/// machine, so a client that neither chose us nor names an address of the range is left to that server.
fn asked_of_us(site: &Site, request: &Request, named: Ipv4Addr) -> Result<Ipv4Addr, SilenceReason> {
    match request.server_identifier {
        Some(server) if server != site.server.address => Err(SilenceReason::ChoseAnotherServer(server)),
        None if !site.lends(named) => Err(SilenceReason::NotOursToLend(named)),
        _ => Ok(named),
    }
}
