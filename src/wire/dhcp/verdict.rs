//! A DHCPREQUEST means one of four things (RFC 2131 section 4.3.2); this module decides which, and whether to confirm
//! it.

use super::reason::{NakReason, SilenceReason};
use super::request::Request;
use crate::site::{Node, Site};

/// What to say to a DHCPREQUEST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer with a DHCPACK.
    Confirm,
    /// Answer with a DHCPNAK.
    Refuse(NakReason),
}

/// Decides the answer to a DHCPREQUEST of a node. A reservation makes us authoritative: a wrong address is refused at
/// once, in every client state, so that a node that moved here from another network need not wait for a timeout.
pub(crate) fn decide(site: &Site, node: &Node, request: &Request) -> Result<Verdict, SilenceReason> {
    let named = match request.server_identifier {
        Some(server) if server != site.server.address => return Err(SilenceReason::ChoseAnotherServer(server)),
        // The client selects our offer. Without a readable address it can only mean the one that we offer.
        Some(_) => request.requested_address.or(request.client_address).unwrap_or(node.address),
        // The client has rebooted (option 50), or is renewing or rebinding (ciaddr).
        None => request.requested_address.or(request.client_address).ok_or(SilenceReason::NamesNoAddress)?,
    };
    if named == node.address {
        Ok(Verdict::Confirm)
    } else {
        Ok(Verdict::Refuse(NakReason::NotReserved { asked: named, reserved: node.address }))
    }
}
