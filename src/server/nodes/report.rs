//! `POST /report/{token}`: a node reports its progress.

use std::collections::BTreeMap;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};

use super::asker::Asker;
use super::authority::admit;
use super::form::{NodeForm, tame};
use super::report_rates::admit_report;
use super::{Appliance, HttpError, errands};
use crate::boot::Asked;
use crate::lifecycle::{Report, ReportEvent};
use crate::secrets::Redactor;
use crate::site::{Blueprint, Keepsakes};
use crate::store::Change;
use crate::timeline::harmless;

/// Largest detail kept, in bytes.
const DETAIL_LIMIT: usize = 4000;

/// The form as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct Form {
    event: String,
    #[serde(deserialize_with = "number")]
    seq: u64,
    #[serde(default)]
    step: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    total: String,
    #[serde(default)]
    detail: String,
    /// Its keepsakes, for after a reimage, and any other fields.
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

/// Parses a number in a form: with other fields flattened, serde passes it as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("`seq` is not a number"))
}

impl Form {
    /// Removes known secrets, because the last lines of a step's log may contain anything. Called before a text is
    /// shortened, logged, stored or repeated.
    fn washed(mut self, redactor: &Redactor) -> Self {
        for text in [&mut self.event, &mut self.step, &mut self.detail] {
            redactor.wash(text);
        }
        self
    }

    /// The keepsakes that it reports, as `keep.NAME`; most reports have none.
    fn keepsakes(&self, blueprint: &Blueprint) -> Result<Keepsakes, HttpError> {
        let bad = |error| HttpError::new(StatusCode::BAD_REQUEST, format!("{error}"));
        let mut told = Keepsakes::new();
        for (name, keepsake) in &blueprint.keepsakes {
            let former = keepsake.formerly.as_ref().and_then(|key| self.more.get(key));
            let Some(value) = self.more.get(&format!("keep.{name}")).or(former).filter(|value| !value.is_empty())
            else {
                continue;
            };
            keepsake.check(name, value).map_err(bad)?;
            told.insert(name.clone(), value.clone());
        }
        Ok(told)
    }

    fn report(&self) -> Result<Report, HttpError> {
        let bad = |error: String| HttpError::new(StatusCode::BAD_REQUEST, error);
        let event: ReportEvent = self.event.parse().map_err(|error| bad(format!("{error}")))?;
        Ok(Report {
            event,
            seq: self.seq,
            step: harmless(&tame(&self.step, 120), 120),
            number: self.number.parse().unwrap_or(0),
            total: self.total.parse().unwrap_or(0),
            // Sanitised line by line, because a log of several lines is shown as such.
            detail: lines(&tame(&self.detail, DETAIL_LIMIT)),
        })
    }
}

/// A text of several lines, without a boot token in any of them.
fn lines(text: &str) -> String {
    text.lines().map(|line| harmless(line, DETAIL_LIMIT)).collect::<Vec<_>>().join("\n")
}

/// Takes a report. 204: stored (or seen before). 429: too many, try later. 410: of an old attempt, and nothing changed.
pub(super) async fn report(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
    NodeForm(form): NodeForm<Form>,
) -> Result<StatusCode, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Hearing).await?;
    admit_report(&appliance, &caller).await?;
    let form = form.washed(&appliance.store.redactor());
    let (report, keepsakes) = (form.report()?, form.keepsakes(&caller.site.blueprint)?);
    let before = caller.record.state.word();
    let answer = if report.event == ReportEvent::Errand { report.detail.parse().ok() } else { None };
    let (event, step, detail) = (report.event.word(), report.step.clone(), report.detail.replace('\n', " | "));
    let record = appliance.store.change(caller.mac, Change::Report { report, token: caller.token.clone() }).await?;
    // The report was of the current attempt; otherwise it would have been refused above.
    for (name, value) in keepsakes.into_iter().filter(|(name, value)| record.keepsakes.get(name) != Some(value)) {
        tracing::info!(node = %caller.node().name, mac = %caller.mac, name, value, "reported a keepsake");
        appliance.store.change(caller.mac, Change::Keepsake { name, value }).await?;
    }
    let state = record.state.word();
    let node = caller.node();
    if let Some(answer) = answer {
        errands::answered(&appliance, &caller.site, node, answer).await?;
    }
    match state {
        // In maintenance the failure is noted, but raises no alarm.
        "failed" if !record.flags.maintenance => {
            tracing::warn!(node = %node.name, mac = %caller.mac, event, step, detail, state, "report")
        }
        _ => tracing::info!(node = %node.name, mac = %caller.mac, event, step, detail, state, "report"),
    }
    if state != before {
        appliance.recent.note(caller.mac, "http", format!("report {event}: now {state}"));
    }
    Ok(StatusCode::NO_CONTENT)
}
