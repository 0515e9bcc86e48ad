//! `POST /facts/{token}`: the installer reports what is on the disks. A node counts as installed only if its disks are
//! as planned.

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;

use super::asker::Asker;
use super::authority::admit;
use super::form::NodeText;
use super::report_rates::admit_report;
use super::{Appliance, HttpError};
use crate::boot::Asked;
use crate::lifecycle::{Refused, State};
use crate::plan::Facts;
use crate::store::{Change, ChangeError};

/// Takes the facts. 204: as planned. 409: not as planned, with a line for each difference. 400: unreadable. 410: an old
/// attempt.
pub(super) async fn facts(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
    NodeText(text): NodeText,
) -> Result<StatusCode, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Hearing).await?;
    admit_report(&appliance, &caller).await?;
    let facts = Facts::parse(&text).map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let change = Change::Attest { token: caller.token.hash(), facts: Box::new(facts) };
    let record = match appliance.store.change(caller.mac, change).await {
        Ok(record) => record,
        // The installer has already ended: the disks were as planned, and the answer was lost.
        Err(ChangeError::Refused(Refused::NothingToDo)) => return Ok(StatusCode::NO_CONTENT),
        Err(other) => return Err(other.into()),
    };
    let node = caller.node();
    match &record.state {
        State::Failed { attempt, reason, .. } if !attempt.attested => {
            tracing::warn!(node = %node.name, mac = %caller.mac, reason, "the disks are not as planned");
            appliance.recent.note(caller.mac, "http", "facts: the disks are not as planned: now failed");
            Err(HttpError::new(StatusCode::CONFLICT, reason.clone()))
        }
        _ => {
            tracing::info!(node = %node.name, mac = %caller.mac, "the disks are as planned");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}
