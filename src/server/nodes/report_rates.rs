//! Refuses the reports of a node that sends too many.

use axum::http::StatusCode;

use super::authority::AdmittedNode;
use super::{Appliance, HttpError};
use crate::lifecycle::{Admission, BURST};
use crate::store::Change;

/// Lets a report in, or refuses it with 429. An honest sender tries again, and the timeline tells once.
pub(super) async fn admit_report(appliance: &Appliance, caller: &AdmittedNode) -> Result<(), HttpError> {
    let verdict = appliance.reports.judge(caller.mac);
    if verdict == Admission::FirstTooMany {
        let detail = format!(
            "more than {BURST} reports at once: from here on one a second is taken, until it is quiet for {} minutes",
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
