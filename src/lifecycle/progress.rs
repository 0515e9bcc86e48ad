//! What a node last said about itself: marks that influence no decision, only what people see.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds of reports, in the words of the form field `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum ReportEvent {
    PreStarted,
    Refused,
    PostStarted,
    Installed,
    InstallFailed,
    FirstbootStarted,
    StepStarted,
    Waiting,
    StepDone,
    StepFailed,
    Ready,
    Errand,
    Updating,
}

impl ReportEvent {
    const ALL: [(&'static str, Self); 13] = [
        ("pre-started", Self::PreStarted),
        ("refused", Self::Refused),
        ("post-started", Self::PostStarted),
        ("installed", Self::Installed),
        ("install-failed", Self::InstallFailed),
        ("firstboot-started", Self::FirstbootStarted),
        ("step-started", Self::StepStarted),
        ("waiting", Self::Waiting),
        ("step-done", Self::StepDone),
        ("step-failed", Self::StepFailed),
        ("ready", Self::Ready),
        ("errand", Self::Errand),
        ("updating", Self::Updating),
    ];

    /// The word on the wire and in the event log.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, event)| *event == self).map_or("", |(word, _)| word)
    }

    /// Whether the installer sends it. The installer and firstboot number their reports separately.
    pub(crate) fn is_of_installer(self) -> bool {
        use ReportEvent::*;
        matches!(self, PreStarted | Refused | PostStarted | Installed | InstallFailed)
    }
}

impl FromStr for ReportEvent {
    type Err = ReportError;
    fn from_str(text: &str) -> Result<Self, ReportError> {
        let known = Self::ALL.iter().find(|(word, _)| *word == text);
        known.map(|(_, event)| *event).ok_or_else(|| ReportError::UnknownEvent(text.chars().take(40).collect()))
    }
}

/// Why a report is refused as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The field `event` is none of the known words.
    #[error("`{0}` is not a report event")]
    UnknownEvent(String),
}

/// One report of a node, as received. Text fields are the machine's own words: never trusted, always capped in length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What happened.
    pub event: ReportEvent,
    /// A number that rises within each boot and sender, so that a repeated report is recognised.
    pub seq: u64,
    /// Step name such as `02-monitoring-all/04-agent-start`.
    pub step: String,
    /// Number of the step, from 1.
    pub number: u32,
    /// How many steps this node has.
    pub total: u32,
    /// A reason, a condition, or the last lines of output.
    pub detail: String,
}

/// The step that a node is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepProgress {
    /// Number of the step, from 1.
    pub number: u32,
    /// How many steps this node has.
    pub total: u32,
    /// Step name.
    pub name: String,
}

/// The latest marks of a node. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The step that the node is at.
    pub step: Option<StepProgress>,
    /// The condition that the node waits for.
    pub waiting: Option<String>,
    /// The last thing it said.
    pub detail: Option<String>,
    /// What a ready node is changing because its payload changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updating: Option<String>,
    /// Highest sequence number from the installer in this boot.
    pub installer_seq: u64,
    /// Highest sequence number from firstboot.
    pub firstboot_seq: u64,
    /// When each moment of the current attempt was first seen (`armed`, `script`, `kickstart`, `permit`, `installed`,
    /// `firstboot`, `ready`).
    pub marks: std::collections::BTreeMap<String, u64>,
    /// The mark that was set last.
    #[serde(default)]
    pub newest: Option<String>,
    /// How many of the node's reports the event log holds.
    #[serde(default)]
    pub stored: u32,
}

impl Progress {
    /// Sets a mark. A mark that was set before keeps its first time, but becomes the newest all the same.
    pub(crate) fn mark(&mut self, moment: &str, now: u64) {
        self.marks.entry(moment.into()).or_insert(now);
        self.newest = Some(moment.into());
    }

    /// The mark that was set last.
    pub(crate) fn stage(&self) -> Option<&str> {
        // A record from before `newest` existed has only the times.
        let latest = || self.marks.iter().max_by_key(|(_, at)| **at).map(|(mark, _)| mark.as_str());
        self.newest.as_deref().or_else(latest)
    }

    /// Takes over what a report says. Returns false for a report that was seen before.
    pub(crate) fn note(&mut self, report: &Report, now: u64) -> bool {
        let seq = if report.event.is_of_installer() { &mut self.installer_seq } else { &mut self.firstboot_seq };
        if report.seq <= *seq {
            return false;
        }
        *seq = report.seq;
        if report.event == ReportEvent::Errand {
            return true; // the answer to an errand, not a report about itself
        }
        let said = (!report.detail.is_empty()).then(|| report.detail.clone());
        if report.event == ReportEvent::Updating {
            // An update numbers the steps that changed; the numbers of the role's steps stay.
            let Report { number, total, step, .. } = report;
            let waits = said.map(|said| format!(", waits for {said}")).unwrap_or_default();
            self.updating = Some(format!("updating, {number} of {total}: {step}{waits}"));
            return true;
        }
        self.updating = None;
        self.waiting = if report.event == ReportEvent::Waiting { said.clone() } else { None };
        self.detail = said;
        if !report.step.is_empty() {
            self.step = Some(StepProgress { number: report.number, total: report.total, name: report.step.clone() });
        }
        match report.event {
            ReportEvent::PreStarted
            | ReportEvent::PostStarted
            | ReportEvent::Installed
            | ReportEvent::FirstbootStarted => self.mark(report.event.word(), now),
            ReportEvent::Ready => {
                self.mark("ready", now);
                (self.waiting, self.detail) = (None, None);
            }
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(event: ReportEvent, seq: u64, detail: &str) -> Report {
        Report { event, seq, step: "02-a/01-b".into(), number: 2, total: 7, detail: detail.into() }
    }

    #[test]
    fn a_repeated_report_changes_nothing() {
        let mut progress = Progress::default();
        assert!(progress.note(&report(ReportEvent::Waiting, 5, "gluster.up@compute3"), 100));
        let before = progress.clone();
        assert!(!progress.note(&report(ReportEvent::StepDone, 5, ""), 101));
        assert_eq!(progress, before);
        assert_eq!(progress.waiting.as_deref(), Some("gluster.up@compute3"));
    }

    #[test]
    fn the_stage_is_what_was_seen_last_also_within_one_second() {
        let mut progress = Progress::default();
        for moment in ["script", "kickstart", "pre-started"] {
            progress.mark(moment, 7);
        }
        assert_eq!(progress.stage(), Some("pre-started"));
        progress.mark("script", 9);
        assert_eq!((progress.stage(), progress.marks["script"]), (Some("script"), 7), "a second boot");
    }

    #[test]
    fn a_report_leaves_its_step_its_moment_and_what_it_waits_for() {
        let mut progress = Progress::default();
        progress.note(&Report { step: String::new(), ..report(ReportEvent::PreStarted, 1, "") }, 100);
        assert_eq!((progress.step.as_ref(), progress.stage()), (None, Some("pre-started")));
        progress.note(&report(ReportEvent::Waiting, 2, "gluster.up@compute3"), 101);
        assert_eq!(progress.step.as_ref().map(|step| (step.number, step.total)), Some((2, 7)));
        progress.note(&report(ReportEvent::Ready, 3, "all is well"), 102);
        assert_eq!((progress.stage(), progress.marks["ready"]), (Some("ready"), 102));
        assert_eq!((progress.waiting, progress.detail), (None, None));
    }

    #[test]
    fn installer_and_firstboot_count_separately() {
        let mut progress = Progress::default();
        assert!(progress.note(&report(ReportEvent::Installed, 9, ""), 100));
        assert!(progress.note(&report(ReportEvent::FirstbootStarted, 1, ""), 101));
    }

    #[test]
    fn every_event_word_reads_back() {
        for (word, event) in ReportEvent::ALL {
            assert_eq!(word.parse(), Ok(event));
            assert_eq!(event.word(), word);
        }
    }
}
