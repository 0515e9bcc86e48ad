//! Holds every node to the number of reports that [`ReportRate`] allows. Only nodes of the site file come here, so it is
//! bounded by that.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use axum::http::StatusCode;

use super::authority::Caller;
use super::{Appliance, HttpError};
use crate::lifecycle::{BURST, ReportRate, Verdict};
use crate::site::Mac;
use crate::store::Change;

/// What is left to each node.
pub struct ReportRates {
    began: Instant,
    nodes: Mutex<HashMap<Mac, ReportRate>>,
}

impl Default for ReportRates {
    fn default() -> Self {
        Self { began: Instant::now(), nodes: Mutex::default() }
    }
}

impl ReportRates {
    fn judge(&self, mac: Mac) -> Verdict {
        let now = self.began.elapsed();
        let mut nodes = self.nodes.lock().expect("no holder of this lock panics");
        let rate = nodes.entry(mac).or_insert_with(|| ReportRate::new(now));
        let (next, verdict) = rate.judge(now);
        *rate = next;
        verdict
    }
}

/// Lets a report in, or refuses it with 429. An honest sender tries again, and the timeline tells once.
pub(super) async fn admit_report(appliance: &Appliance, caller: &Caller) -> Result<(), HttpError> {
    let verdict = appliance.reports.judge(caller.mac);
    if verdict == Verdict::FirstTooMany {
        let detail = format!(
            "more than {BURST} reports at once: from here on one a second is taken, until it is quiet for {} minutes",
            BURST / 60
        );
        tracing::warn!(node = %caller.node().name, mac = %caller.mac, "reports are refused: {detail}");
        appliance.store.change(caller.mac, Change::Note { kind: "too-many-reports", detail }).await?;
    }
    match verdict {
        Verdict::Taken => Ok(()),
        _ => Err(HttpError::new(StatusCode::TOO_MANY_REQUESTS, "too many reports: wait, and send this one again")),
    }
}
