//! `GET /renewal/{token}`: a node whose system runs fetches a newer payload. The node says which payload it has when it
//! asks for errands. The newer one is sealed with the key that the first one held (`secrets::renewal`).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::asker::Asker;
use super::authority::{AdmittedNode, admit};
use super::{Appliance, HttpError};
use crate::audit::Actor;
use crate::boot::Asked;
use crate::clock::unix_now;
use crate::lifecycle::{Delivery, Told, held_back};
use crate::secrets::{Question, RenewalKey};
use crate::server::alarms::Raised;
use crate::server::appliance::{Digests, Renewals};
use crate::server::random;
use crate::site::{Mac, Node, Site};
use crate::store::SecretsError;

/// What `status` says about a node that was installed by a rackstart which gave out no renewal key.
const OLDER: &str = "no newer payload reaches it: it was installed by an older rackstart, without the key for that; \
                     `rackstart reimage` (with `--keep`) gives it one";

#[derive(Debug, Deserialize)]
pub(super) struct RenewalParams {
    payload: String,
    nonce: String,
    proof: String,
}

/// Serves the newest payload to a node that proves that it has the previous one.
pub(super) async fn payload(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
    Query(wanted): Query<RenewalParams>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Secret(Delivery::Renewal)).await?;
    let node = caller.node();
    let refuse = |status, why: &str| {
        appliance.recent.note(caller.mac, "http", format!("no newer payload: {why}"));
        if let Some(held_back) = appliance.strangers.node(caller.mac) {
            tracing::warn!(node = %node.name, mac = %caller.mac, held_back, "no newer payload: {why}");
        }
        Err(HttpError::new(status, why.to_string()))
    };
    let Some(question) = Question::new(&wanted.payload, &wanted.nonce) else {
        return refuse(StatusCode::BAD_REQUEST, "the digest and the nonce must be hexadecimal digits");
    };
    let Some(key) = key_of(&appliance, &caller) else {
        return refuse(StatusCode::CONFLICT, "the secrets of the site are not open");
    };
    if !key.proves(&question, &wanted.proof) {
        wrong_proof(&appliance, &asker, node).await?;
        return refuse(StatusCode::FORBIDDEN, "the request was not made with the key from the node's first payload");
    }
    refuse_damaged(&appliance, &caller.site, node)?;
    appliance.health.alarms.clear(WRONG_PROOF, node.name.as_str());
    let digest = appliance.renewals.digest(&appliance, node)?;
    if digest != question.digest {
        return refuse(StatusCode::CONFLICT, "the site has changed meanwhile: ask for errands again");
    }
    let secrets = appliance.store.secrets(&caller.site);
    let (site, renderer) = (&caller.site, &caller.renderer);
    let tar = renderer.firstboot_renewal(site, node, &caller.token, &secrets, &caller.record.keepsakes, &key)?;
    caller.takes(&appliance, Delivery::Renewal).await?;
    let answer = key.seal(&question, &tar, random::bytes());
    if let Some(held_back) = appliance.strangers.node(caller.mac) {
        let bytes = answer.len();
        tracing::info!(node = %node.name, mac = %caller.mac, bytes, digest, held_back, "fetched a newer payload");
    }
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")], answer))
}

/// A payload that lacks a secret would be taken for a complete one, so it is refused; the node asks again.
pub(super) fn refuse_damaged(appliance: &Appliance, site: &Site, node: &Node) -> Result<(), HttpError> {
    match appliance.store.damaged_secret_of(site, &node.role) {
        Some(name) => Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, SecretsError::Damaged(name).to_string())),
        None => Ok(()),
    }
}

/// The kind of the alarm about a peer that has the token of a node, its address and its card, but not its key.
const WRONG_PROOF: &str = "wrong-proof";

/// Raises the alarm, and records it permanently, until the node proves itself. The node does not become suspect: its
/// token is in the URL of every report, so anybody who can speak in its place could take it out of service.
async fn wrong_proof(appliance: &Appliance, asker: &Asker, node: &Node) -> Result<(), HttpError> {
    let name = node.name.as_str();
    let text = format!(
        "somebody at {} asked for the newer payload of {name} with its token and without its renewal key, and got nothing. Look \
         who speaks in its place on the network, and who is on the node; the alarm ends when {name} itself takes a payload",
        asker.address
    );
    if appliance.health.alarms.raise(WRONG_PROOF, name, text.as_str()) == Raised::New {
        let actor = Actor { how: "nobody".into(), from: asker.address.to_string() };
        appliance.store.audit(&actor, "renewal-refused", name, &text).await?;
    }
    Ok(())
}

/// The renewal key of the caller's boot.
pub(super) fn key_of(appliance: &Appliance, caller: &AdmittedNode) -> Option<RenewalKey> {
    let site = appliance.store.renewal_secret()?;
    Some(RenewalKey::of(&site, caller.token.reveal()))
}

/// The errand for a node that reports which payload it has: `renew DIGEST NODE`; `None` when it has the right one, or
/// must not change now.
pub(super) fn errand(appliance: &Appliance, caller: &AdmittedNode, has: &str) -> Result<Option<String>, HttpError> {
    let (node, now) = (caller.node(), unix_now());
    appliance.renewals.hears(caller.mac, has, now);
    let hash = caller.token.hash();
    let may = caller.record.state.grants(Delivery::Renewal, &hash).is_ok()
        && !caller.record.flags.maintenance
        && appliance.store.stopped().is_none()
        && refuse_damaged(appliance, &caller.site, node).is_ok();
    let wanted = appliance.renewals.digest(appliance, node)?;
    if !may || wanted == has {
        return Ok(None);
    }
    let told = appliance.renewals.told.lock().expect("no holder of this lock panics").clone();
    let mut wanted_of = |other: &Node| appliance.renewals.digest(appliance, other).ok();
    let first = held_back(&caller.site, node, &told, &mut wanted_of, (appliance.renewals.since, now));
    appliance.renewals.holds(caller.mac, first.is_some(), now);
    if let Some(other) = first {
        appliance.recent.note(caller.mac, "http", format!("its newer payload waits until {other} has its own"));
        return Ok(None);
    }
    Ok(Some(format!("renew {wanted} {}\n", node.name)))
}

impl Renewals {
    /// Starts without knowledge of any node. `since` is when nodes can begin to report, in Unix seconds.
    pub(crate) fn since(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    /// Records that a node asked for errands; nodes that were installed before digests existed report no payload.
    pub(super) fn asks(&self, mac: Mac, has: Option<&str>) {
        let mut older = self.older.lock().expect("no holder of this lock panics");
        if has.is_some() {
            older.remove(&mac)
        } else {
            older.insert(mac)
        };
    }

    /// Why this node cannot get a newer payload, if it cannot.
    pub(crate) fn out_of_reach(&self, mac: Mac) -> Option<String> {
        self.older.lock().expect("no holder of this lock panics").contains(&mac).then(|| OLDER.into())
    }

    fn hears(&self, mac: Mac, has: &str, now: u64) {
        let mut told = self.told.lock().expect("no holder of this lock panics");
        let held = told.get(&mac).filter(|before| before.digest == has).and_then(|before| before.held);
        told.insert(mac, Told { digest: has.into(), asked: now, held });
    }

    /// Records since when a node has been held back, or that it is not.
    fn holds(&self, mac: Mac, held: bool, now: u64) {
        let mut told = self.told.lock().expect("no holder of this lock panics");
        if let Some(told) = told.get_mut(&mac) {
            told.held = held.then(|| told.held.unwrap_or(now));
        }
    }

    /// The digest of the payload that a node should have now.
    pub(super) fn digest(&self, appliance: &Appliance, node: &Node) -> Result<String, HttpError> {
        let served = appliance.served();
        let secrets = appliance.store.secrets(&served.site);
        let mut digests = self.digests.lock().expect("no holder of this lock panics");
        let same =
            digests.served.as_ref().is_some_and(|known| Arc::ptr_eq(known, &served)) && digests.secrets == secrets;
        if !same {
            let served = Some(served.clone());
            *digests = Digests { served, secrets: secrets.clone(), by_node: HashMap::new() };
        }
        if let Some(digest) = digests.by_node.get(&node.mac) {
            return Ok(digest.clone());
        }
        let digest = served.renderer.firstboot_digest(&served.site, node, &secrets)?;
        digests.by_node.insert(node.mac, digest.clone());
        Ok(digest)
    }
}
