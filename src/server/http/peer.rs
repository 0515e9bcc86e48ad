//! Who is asking: a token counts only from the address reserved for its node, and provisioning headers must agree.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};

use super::{Appliance, HttpError};
use crate::lifecycle::BootToken;
use crate::plan::{self, NodePlan};
use crate::render::Renderer;
use crate::site::{Mac, Node, Site};
use crate::store::Record;

/// A request that proved which node it comes from.
pub(super) struct Caller {
    pub site: Arc<Site>,
    pub renderer: Arc<Renderer>,
    pub mac: Mac,
    pub token: BootToken,
    pub record: Record,
}

impl Caller {
    /// The node of the caller.
    pub fn node(&self) -> &Node {
        self.site.node_by_mac(self.mac).expect("identify looked it up in this same site")
    }

    /// The plan that this boot was promised; the site file may have been edited since. Refused when the edit means
    /// another installer than the one that is running.
    pub fn promised_plan(&self) -> Result<NodePlan, HttpError> {
        let conflict = |reason: String| HttpError::new(StatusCode::CONFLICT, reason);
        let node = self.node();
        let Some(frozen) = &self.record.frozen else {
            return plan::plan(node).map_err(|error| conflict(error.to_string()));
        };
        if frozen.plan.release != node.release {
            let (runs, wants) = (frozen.plan.release, node.release);
            return Err(conflict(format!(
                "the site file wants release {wants} on {} now, and this boot runs the installer of {runs}: reboot it",
                node.name
            )));
        }
        Ok(frozen.plan.clone())
    }
}

/// Finds the caller by its token and its address. An unknown token from a node's own address is an old one (410); from
/// anywhere else nothing is said about what exists (404).
pub(super) fn identify(appliance: &Appliance, peer: SocketAddr, token: &str) -> Result<Caller, HttpError> {
    let served = appliance.served();
    let site = &served.site;
    let sender = match peer.ip() {
        IpAddr::V4(address) => site.nodes.by_address(address),
        IpAddr::V6(_) => None,
    };
    let Some(node) = sender else {
        if let Some(held_back) = appliance.strangers.ask(peer.ip()) {
            tracing::warn!(peer = %peer.ip(), held_back, "a token was sent from an address that belongs to no node");
        }
        return Err(HttpError::not_found("nothing here"));
    };
    let owner = BootToken::parse(token).and_then(|token| Some((appliance.store.owner(&token)?, token)));
    match owner {
        Some((mac, token)) if mac == node.mac => {
            let Some(record) = appliance.store.record(mac) else {
                return Err(HttpError::not_found("nothing here"));
            };
            Ok(Caller { site: site.clone(), renderer: served.renderer.clone(), mac, token, record })
        }
        Some((mac, token)) => {
            if let Some(held_back) = appliance.strangers.ask(peer.ip()) {
                let node = &node.name;
                tracing::warn!(peer = %peer.ip(), %node, owner = %mac, ?token, held_back, "a token of another node was used");
            }
            Err(HttpError::not_found("nothing here"))
        }
        None => {
            if let Some(held_back) = appliance.strangers.ask(peer.ip()) {
                tracing::warn!(node = %node.name, held_back, "a token of an old attempt was used");
            }
            let reason = format!("this attempt of {} is over: reboot the node to join the current one", node.name);
            Err(HttpError::new(StatusCode::GONE, reason))
        }
    }
}

/// Checks Anaconda's `X-RHN-Provisioning-MAC-N: eth0 52:54:..` headers. When present, one must name the node's boot
/// NIC; they never grant anything. EL6 numbers by device index with gaps, so all headers are scanned.
pub(super) fn headers_agree(headers: &HeaderMap, node: &Node) -> Result<(), HttpError> {
    let sent = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-rhn-provisioning-mac-"));
    let macs: Vec<Mac> =
        sent.filter_map(|(_, value)| value.to_str().ok()?.split_whitespace().last()?.parse().ok()).collect();
    if macs.is_empty() || macs.contains(&node.mac) {
        return Ok(());
    }
    let reason = format!("the provisioning headers name other MACs than {} of {}", node.mac, node.name);
    Err(HttpError::new(StatusCode::FORBIDDEN, reason))
}
