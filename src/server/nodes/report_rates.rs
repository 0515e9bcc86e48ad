//! Refuses the reports of a node that sends too many.

use axum::http::StatusCode;

use super::authority::AdmittedNode;
use super::{Appliance, HttpError};
use crate::lifecycle::{Admission, BURST};
use crate::store::Change;

/// Admits a report, or refuses it with 429. An honest sender tries again, and the timeline says it once.
pub(super) async fn admit_report(appliance: &Appliance, caller: &AdmittedNode) -> Result<(), HttpError> {
    let verdict = appliance.reports.admit(caller.mac);
    if verdict == Admission::FirstTooMany {
        let detail = format!(
            "more than {BURST} reports at once: from now on one per second is accepted, until the node has been quiet for {} minutes",
            BURST / 60
        );
        tracing::warn!(node = %caller.node().name, mac = %caller.mac, "reports are refused: {detail}");
        appliance.store.change(caller.mac, Change::Note { kind: "too-many-reports", detail }).await?;
    }
    match verdict {
        Admission::Taken => Ok(()),
        _ => Err(HttpError::new(StatusCode::TOO_MANY_REQUESTS, "too many reports: wait, and send this one again")),
    }
}
