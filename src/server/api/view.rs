//! A node as the API shows it, borrowed from the site and the store: a list of thousands copies nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::unix_now;
use crate::lifecycle::{Outcome, State, StepProgress};
use crate::server::operate::{HELD, differs, flags};
use crate::site::{Node, Site};
use crate::store::Record;

/// One node. Times are Unix seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView<'a> {
    /// Host name.
    name: &'a str,
    /// Role in the site file.
    role: &'a str,
    /// Where the site file says something else than what the node was installed as, in words.
    differs: Option<String>,
    /// MAC of the boot NIC.
    mac: String,
    /// Reserved address.
    address: String,
    /// The disk rules, in words.
    disks: Vec<String>,
    /// The volume groups that a keeping reimage would keep.
    keep: &'a [String],
    /// `new`, `armed`, `installing`, `firstboot`, `ready`, `failed` or `suspect`.
    state: &'a str,
    /// `protected`, `maintenance`, `out-of-service`, several or none.
    flags: Vec<&'static str>,
    /// Its newest drain, as long as that counts: `waits`, `drained`, `unreached` or `refused`.
    drain: Option<&'static str>,
    /// The same in words. A machine said some of them: do not trust it.
    drain_text: Option<String>,
    /// Public id of the attempt.
    attempt: Option<String>,
    /// What an unspent wipe permit allows, in words.
    permit: Option<String>,
    /// Latest moment of the attempt, for example `kickstart`.
    stage: Option<&'a str>,
    /// The firstboot step it is at.
    step: Option<StepView<'a>>,
    /// The condition it waits for.
    waiting: Option<&'a str>,
    /// Why it failed, or its last words. A machine said so: do not trust it.
    detail: Option<&'a str>,
    /// Since when it is in this state.
    since: u64,
    /// When it was last heard of.
    updated: u64,
    /// First time of each moment of the attempt.
    timings: Option<&'a BTreeMap<String, u64>>,
}

/// Step n of m.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepView<'a> {
    /// Its name.
    name: &'a str,
    /// n.
    number: u32,
    /// m.
    total: u32,
}

impl<'a> NodeView<'a> {
    /// How a node with this record looks.
    pub fn of(site: &Site, node: &'a Node, record: Option<&'a Record>) -> Self {
        let state = record.map_or(&State::New, |record| &record.state);
        let progress = record.map(|record| &record.progress);
        let is_installed = !matches!(state, State::New | State::Armed { .. } | State::Installing { .. });
        let step = |step: &'a StepProgress| StepView { name: &step.name, number: step.number, total: step.total };
        let drain = record.map(|record| record.duty.outcome(unix_now())).filter(|outcome| *outcome != Outcome::None);
        Self {
            name: node.name.as_str(),
            role: &node.role,
            differs: record.and_then(|record| differs(site, node, record)),
            mac: node.mac.to_string(),
            address: node.address.to_string(),
            disks: node.disks.iter().map(|disk| disk.rule.to_string()).collect(),
            keep: &node.keep,
            state: state.word(),
            flags: record.map(flags).unwrap_or_default(),
            drain: drain.as_ref().map(Outcome::word),
            drain_text: drain.as_ref().map(|outcome| outcome.text().to_string()),
            attempt: state.attempt().map(|attempt| attempt.id.to_string()),
            permit: match state {
                State::Armed { attempt, .. } => Some(attempt.scope.to_string()),
                _ => None,
            },
            stage: progress.and_then(|progress| progress.stage()),
            step: progress.and_then(|progress| progress.step.as_ref()).filter(|_| is_installed).map(step),
            waiting: progress.and_then(|progress| progress.waiting.as_deref()),
            detail: match state {
                State::Failed { reason, .. } => Some(reason),
                State::Suspect { why, .. } => Some(why),
                State::New if record.is_some_and(|record| record.held) => Some(HELD),
                _ => progress.and_then(|progress| progress.detail.as_deref()),
            },
            since: record.map_or(0, |record| record.since),
            updated: record.map_or(0, |record| record.updated),
            timings: progress.map(|progress| &progress.marks),
        }
    }

    /// Its host name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The word of its state.
    pub fn state(&self) -> &'a str {
        self.state
    }
}
