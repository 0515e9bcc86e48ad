//! `GET /errands/{token}`: a node whose system runs asks whether there is an errand for it. It answers the errand with
//! a report.

use axum::extract::{Path, Query, State as Shared};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::asker::Asker;
use super::authority::admit;
use super::{Appliance, HttpError, renewal, unkept};
use crate::boot::Asked;
use crate::clock::unix_now;
use crate::lifecycle::{DutyEvent, Errand, ErrandAnswer, heard, wanted};
use crate::site::{Node, Site};
use crate::store::{Change, ChangeError, Draft};

/// What a node says about itself when it asks.
#[derive(Debug, Deserialize)]
pub(super) struct Has {
    /// The digest of its payload; nodes that were installed before digests existed have none.
    payload: Option<String>,
    /// `renew`: the node is starting or waiting, and can only take a newer payload.
    only: Option<String>,
}

/// Returns one line for each errand, `VERB ID NODE`; empty when there is none. That an errand was taken is recorded
/// durably first.
pub(super) async fn errands(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
    Query(has): Query<Has>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Hearing).await?;
    appliance.renewals.asks(caller.mac, has.payload.as_deref());
    let mut text = String::new();
    let other = if has.only.is_some() { Vec::new() } else { of(&appliance, &caller.site, caller.node()) };
    for errand in other {
        let Errand { verb, id, about: (_, mac) } = &errand;
        let given = DutyEvent::Given { verb: *verb, id: id.clone() };
        match appliance.store.change(*mac, Change::Duty(vec![given])).await {
            Ok(_) => {}
            // It was taken before and is not answered yet: the answer may be on its way, or its runner was killed.
            Err(ChangeError::Refused(_)) => {}
            Err(stopped) => return Err(stopped.into()),
        }
        text.push_str(&format!("{errand}\n"));
    }
    if let Some(payload) = &has.payload {
        text.extend(renewal::errand(&appliance, &caller, payload)?);
    }
    Ok(unkept(text))
}

fn of(appliance: &Appliance, site: &Site, node: &Node) -> Vec<Errand> {
    let look = |draft: &Draft<'_>| {
        let duty = |mac| draft.record(mac).map(|record| (&record.state, &record.duty));
        wanted(site, &duty, node, unix_now())
    };
    appliance.store.look(look)
}

/// Applies the answer to an errand. An answer that is no longer awaited does nothing.
pub(super) async fn answered(
    appliance: &Appliance,
    site: &Site,
    from: &Node,
    answer: ErrandAnswer,
) -> Result<(), HttpError> {
    let said = (answer.verb, answer.yes, answer.said.clone());
    let look = |draft: &Draft<'_>| {
        let duty = |mac| draft.record(mac).map(|record| (&record.state, &record.duty));
        heard(site, &duty, from, answer)
    };
    let Some((mac, events)) = appliance.store.look(look) else { return Ok(()) };
    match appliance.store.change(mac, Change::Duty(events)).await {
        Ok(_) => {
            let about = site.node_by_mac(mac).map_or("-", |node| node.name.as_str());
            let (verb, yes, said) = said;
            tracing::info!(node = about, from = %from.name, %verb, yes, said, "errand answered");
            Ok(())
        }
        // The answer came too late, or was given before.
        Err(ChangeError::Refused(_)) => Ok(()),
        Err(stopped) => Err(stopped.into()),
    }
}
