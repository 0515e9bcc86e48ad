//! `GET /errands/{token}`: a node whose system runs asks whether something is wanted of it. Its answer comes as a report.

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

/// What a node tells of itself with the question.
#[derive(Debug, Deserialize)]
pub(super) struct Has {
    /// The digest of its payload; nodes that were installed before there were digests have none.
    payload: Option<String>,
    /// `renew`: it starts, or waits, and has no time for anything else.
    only: Option<String>,
}

/// One line for each errand, `VERB ID NODE`; nothing when there is none. What was taken is noted durably before.
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
            // Taken before, and not answered yet: its answer may be on its way, or its runner was killed.
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

/// What the answer to an errand does. One that nobody waits for does nothing.
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
        // Too late, or said before.
        Err(ChangeError::Refused(_)) => Ok(()),
        Err(stopped) => Err(stopped.into()),
    }
}
