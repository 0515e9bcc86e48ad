//! A node as people see it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::unix_now;
use crate::lifecycle::{Outcome, State, StepProgress};
use crate::site::{Mac, Node, Site};
use crate::store::Record;

/// One node as people see it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct NodeStatus {
    /// Host name.
    pub name: String,
    /// Role in the site file.
    pub role: String,
    /// The distribution that its install tree names, such as `Rocky Linux 9.5`; `EL9` if that cannot be read.
    #[serde(default)]
    pub distribution: String,
    /// How the site file differs from what the node was installed as, in words.
    #[serde(default)]
    pub differs: Option<String>,
    /// MAC of the boot NIC.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// Reserved address.
    pub address: String,
    /// The disk rules of the served site, in words.
    pub disks: Vec<String>,
    /// The volume groups that `reimage --keep` would keep.
    #[serde(default)]
    pub keep: Vec<String>,
    /// The disks that a rackstart installer last wrote, in words, with their serial numbers if they have any.
    #[serde(default)]
    pub written: Option<String>,
    /// The UUID and the serial number that the machine showed first.
    #[serde(default)]
    pub machine: Option<String>,
    /// UUID and serial number of another machine that booted as this node and waits for `rackstart accept-hardware`.
    #[serde(default)]
    pub other_machine: Option<String>,
    /// `new`, `armed`, `installing`, `firstboot`, `ready`, `failed` or `suspect`.
    pub state: String,
    /// Whether its first arming was taken back, so that it is no longer armed by itself.
    #[serde(default)]
    pub held: bool,
    /// `protected`, `maintenance`, `out-of-service`, several or none.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Its newest drain, while it counts: `waits`, `drained`, `unreached` or `refused`.
    #[serde(default)]
    pub drain: Option<String>,
    /// The progress of that drain, in words. Some of them come from a machine: do not trust them.
    #[serde(default)]
    pub drain_text: Option<String>,
    /// Public id of the attempt.
    pub attempt: Option<String>,
    /// What an unspent wipe permit allows, in words; `None` when there is no such permit.
    #[serde(default)]
    pub permit: Option<String>,
    /// Latest milestone of the current attempt, for example `kickstart`.
    pub stage: Option<String>,
    /// The current step.
    pub step: Option<StepProgress>,
    /// The condition it waits for.
    pub waiting: Option<String>,
    /// Why it failed, or its last words. They come from a machine: do not trust them.
    pub detail: Option<String>,
    /// What its silence means, when it should have asked for something but has not.
    #[serde(default)]
    pub silence: Option<String>,
    /// Why it cannot get a newer payload, if it cannot.
    #[serde(default)]
    pub out_of_reach: Option<String>,
    /// Since when it has been in this state.
    pub since: u64,
    /// When it was last heard from.
    pub updated: u64,
    /// First time of each milestone of the attempt.
    pub timings: std::collections::BTreeMap<String, u64>,
}

/// What is said about a node whose first arming was taken back.
const HELD: &str = "its arming was taken back";

/// How the site file differs from what the node was installed as.
pub(in crate::server) fn differs(site: &Site, node: &Node, record: &Record) -> Option<String> {
    record.installed_as.as_ref()?.differs(site, node)
}

/// Its flags and whether its service is out, in words.
fn flags(record: &Record) -> Vec<&'static str> {
    let mut words = record.flags.words();
    words.extend(record.duty.out.is_some().then_some("out-of-service"));
    words
}

/// The status of a node with this record.
pub(crate) fn status(site: &Site, node: &Node, record: Option<&Record>) -> NodeStatus {
    let fresh;
    let record = match record {
        Some(record) => record,
        None => {
            fresh = Record::new(0);
            &fresh
        }
    };
    let (progress, outcome) = (&record.progress, record.duty.outcome(unix_now()));
    let is_drained = outcome != Outcome::None;
    let in_firstboot = !matches!(record.state, State::New | State::Armed { .. } | State::Installing { .. });
    NodeStatus {
        name: node.name.to_string(),
        machine: Some(record.hardware.pinned.to_string()).filter(|machine| machine != "nothing"),
        other_machine: record.hardware.other.as_ref().map(|shown| shown.to_string()),
        role: node.role.clone(),
        distribution: site.distribution_of(node),
        differs: differs(site, node, record),
        mac: node.mac,
        address: node.address.to_string(),
        disks: node.disks.iter().map(|disk| disk.rule.to_string()).collect(),
        keep: node.keep.clone(),
        written: record.written.clone(),
        state: record.state.word().into(),
        held: matches!(record.state, State::New) && record.held,
        flags: flags(record).into_iter().map(String::from).collect(),
        drain: is_drained.then(|| outcome.word().to_string()),
        drain_text: is_drained.then(|| outcome.text().to_string()),
        attempt: record.state.attempt().map(|attempt| attempt.id.to_string()),
        permit: match &record.state {
            State::Armed { attempt, .. } => Some(attempt.scope.to_string()),
            _ => None,
        },
        stage: progress.stage().map(String::from),
        step: progress.step.clone().filter(|_| in_firstboot),
        waiting: progress.waiting.clone(),
        detail: match &record.state {
            State::Failed { reason, .. } => Some(reason.clone()),
            State::Suspect { why, .. } => Some(why.clone()),
            State::New if record.held => Some(HELD.into()),
            _ => progress.updating.clone().or_else(|| progress.detail.clone()),
        },
        silence: None,
        out_of_reach: None,
        since: record.since,
        updated: record.updated,
        timings: progress.marks.clone(),
    }
}

impl NodeStatus {
    /// The step that the node works on, or that failed.
    pub(crate) fn current_step(&self) -> Option<&StepProgress> {
        self.step.as_ref().filter(|_| matches!(self.state.as_str(), "firstboot" | "failed"))
    }

    /// The one thing to know about a node besides its state.
    pub(crate) fn remark(&self) -> String {
        let first_line = |text: &str| {
            let mut lines = text.lines();
            // A heading says nothing without the line below it.
            match (lines.next().unwrap_or_default(), lines.next()) {
                (heading, Some(first)) if heading.ends_with(':') => format!("{heading} {first}"),
                (line, _) => line.to_string(),
            }
        };
        let news = match (&self.waiting, &self.detail, &self.permit) {
            (Some(waiting), _, _) => format!("waits for {}", first_line(waiting)),
            (None, Some(detail), _) if matches!(self.state.as_str(), "failed" | "suspect" | "new") => {
                first_line(detail)
            }
            (None, Some(detail), _) if detail.starts_with("updating, ") => first_line(detail),
            (None, _, Some(permit)) => format!("its next network boot {permit}"),
            _ => String::new(),
        };
        let silence = self.silence.as_ref().map(|text| format!("silent: {text}"));
        let news = (!news.is_empty()).then_some(news);
        let words =
            self.flags.iter().chain(&self.differs).cloned().chain(news).chain(silence).chain(self.out_of_reach.clone());
        words.collect::<Vec<_>>().join("; ")
    }
}
