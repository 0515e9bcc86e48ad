//! Passes every request with a token to `boot::authorize`, and raises the alarm when it detects a theft. There is no other
//! way in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::asker::Asker;
use super::{Appliance, HttpError};
use crate::boot::{Asked, Denial, Evidence, Neighbour, Owner, Token, authorize};
use crate::clock::unix_now;
use crate::lifecycle::{BootToken, Delivery, Event, Reader, Refused, Shown, Sight};
use crate::plan::{self, NodePlan};
use crate::render::Renderer;
use crate::site::{Mac, Node, Site};
use crate::store::{Change, ChangeError, Record};

/// How often the neighbour of a peer is looked up, and how far apart.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A request that has proved which node it comes from, and may have what it asks for.
pub(super) struct AdmittedNode {
    pub site: Arc<Site>,
    pub renderer: Arc<Renderer>,
    pub mac: Mac,
    pub token: BootToken,
    pub record: Record,
    pub reader: Reader,
}

impl AdmittedNode {
    /// The node of the caller.
    pub(crate) fn node(&self) -> &Node {
        self.site.node_by_mac(self.mac).expect("it was looked up in this same site")
    }

    /// The plan that this boot was promised; the site file may have been edited since. It is refused if the edit
    /// requires a different installer from the running one.
    pub(crate) fn promised_plan(&self) -> Result<NodePlan, HttpError> {
        let conflict = |reason: String| HttpError::new(StatusCode::CONFLICT, reason);
        let node = self.node();
        let Some(frozen) = &self.record.frozen else {
            return plan::plan(node).map_err(|error| conflict(error.to_string()));
        };
        if frozen.plan.release != node.release {
            let (runs, wants) = (frozen.plan.release, node.release);
            return Err(conflict(format!(
                "the site file now wants release {wants} on {}, but this boot runs the installer of {runs}: reboot it",
                node.name
            )));
        }
        Ok(frozen.plan.clone())
    }

    /// Records durably that a secret is delivered to this caller. Nothing may be sent before, or if this fails.
    pub(crate) async fn takes(&self, appliance: &Appliance, delivery: Delivery) -> Result<(), HttpError> {
        let change = Change::Deliver { delivery, token: self.token.hash(), reader: self.reader.clone() };
        match appliance.store.change(self.mac, change).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(appliance, delivery, error).await),
        }
    }

    /// A change that was refused although the request was allowed: another request was faster.
    pub(crate) async fn refused(&self, appliance: &Appliance, delivery: Delivery, error: ChangeError) -> HttpError {
        if error == ChangeError::Refused(Refused::AnotherReader) {
            let why = format!("{delivery} was asked for by another reader at {}", self.reader.address);
            if let Err(stopped) = ring(appliance, self.node(), why).await {
                return stopped;
            }
        }
        error.into()
    }
}

/// Admits a request, or says why not.
pub(super) async fn admit(
    appliance: &Appliance,
    asker: &Asker,
    token: &str,
    asked: Asked,
) -> Result<AdmittedNode, HttpError> {
    let served = appliance.served();
    let (site, now) = (served.site.clone(), unix_now());
    let token = BootToken::parse(token);
    // A token whose node left the site file belongs to no node.
    let known = token.as_ref().and_then(|token| {
        let mac = appliance.store.owner(token)?;
        Some((site.node_by_mac(mac)?, appliance.store.record(mac)?, token.hash()))
    });
    let evidence = Evidence {
        asked,
        plane: asker.plane,
        peer: asker.address,
        holder: site.nodes.by_address(asker.address),
        neighbour: card_of(appliance, asker).await,
        token: match (&token, &known) {
            (None, _) => Token::None,
            (Some(_), None) => Token::Unknown,
            (Some(_), Some((node, record, hash))) => Token::Of(Owner {
                node,
                hash,
                state: &record.state,
                flags: record.flags,
                custody: &record.custody,
                serial: record.hardware.pinned.serial.as_deref(),
            }),
        },
        macs: asker.macs.as_deref(),
        serial: asker.serial.as_deref(),
        now,
        lifetime: site.server.token_seconds,
    };
    match (authorize(&evidence), token, &known) {
        (Ok(reader), Some(token), Some((node, record, _))) => {
            let (mac, record) = (node.mac, record.clone());
            let caller =
                AdmittedNode { site: site.clone(), renderer: served.renderer.clone(), mac, token, record, reader };
            learn(appliance, &caller, asker.serial.as_deref()).await?;
            Ok(caller)
        }
        (Ok(_), ..) => Err(HttpError::not_found(crate::boot::NOTHING_HERE)),
        (Err(refusal), _, known) => {
            let about = known.as_ref().map(|(node, ..)| *node).or(evidence.holder);
            refuse(appliance, about, asker.address, refusal).await
        }
    }
}

/// The card behind the peer's address. An entry may be missing for a moment when the table overflows; traffic brings it
/// back.
pub(super) async fn card_of(appliance: &Appliance, asker: &Asker) -> Neighbour {
    let is_routed = appliance.site().is_routed(asker.address);
    for _ in 0..LOOKS {
        match appliance.neighbours.card_of(asker.address, asker.port) {
            // A machine of this link that took the address would have an entry.
            Neighbour::Unknown if is_routed => return Neighbour::Routed,
            Neighbour::Unknown => tokio::time::sleep(BETWEEN_LOOKS).await,
            known => return known,
        }
    }
    Neighbour::Unknown
}

/// Records the serial number when it is first seen, which may be in a header.
async fn learn(appliance: &Appliance, caller: &AdmittedNode, serial: Option<&str>) -> Result<(), HttpError> {
    match caller.record.hardware.sees(&Shown::of(None, serial)) {
        Sight::Pinned(hardware) => {
            Ok(appliance.store.change(caller.mac, Change::Hardware(hardware)).await.map(drop)?)
        }
        Sight::Known | Sight::Other(_) => Ok(()),
    }
}

pub(super) async fn refuse<T>(
    appliance: &Appliance,
    about: Option<&Node>,
    peer: Ipv4Addr,
    refusal: Denial,
) -> Result<T, HttpError> {
    let Denial { status, told, noted, theft } = refusal;
    let noted = noted.unwrap_or_else(|| told.clone());
    if let (true, Some(node)) = (theft, about) {
        ring(appliance, node, format!("{noted} (peer {peer})")).await?;
    } else {
        if let Some(held_back) = appliance.strangers.ask(IpAddr::V4(peer)) {
            let node = about.map_or("-", |node| node.name.as_str());
            tracing::warn!(%peer, node, status, held_back, "refused: {noted}");
        }
        if let Some(node) = about {
            appliance.recent.note(node.mac, "http", format!("refused ({status}) to {peer}: {noted}"));
        }
    }
    Err(HttpError::new(StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN), told))
}

/// Raises the alarm: the node becomes suspect before anything is answered, so all later requests are refused.
pub(super) async fn ring(appliance: &Appliance, node: &Node, why: String) -> Result<(), HttpError> {
    appliance.recent.note(node.mac, "http", format!("ALARM: {why}"));
    let event = Event::Suspected { why: why.clone() };
    match appliance.store.change(node.mac, Change::Event { event, mark: None }).await {
        Ok(_) => {
            tracing::error!(node = %node.name, mac = %node.mac, "ALARM: {why}; the node is suspect now");
            Ok(())
        }
        // It is already suspect, and the first reason is kept.
        Err(ChangeError::Refused(_)) => {
            if let Some(held_back) = appliance.strangers.ask(IpAddr::V4(node.address)) {
                tracing::error!(node = %node.name, mac = %node.mac, held_back, "ALARM again: {why}");
            }
            Ok(())
        }
        Err(stopped) => Err(stopped.into()),
    }
}
