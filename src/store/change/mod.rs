//! What can be asked of the store, and how a change affects one record. Pure: `writer` makes it durable.

mod apply;
mod words;

use std::collections::BTreeMap;

use crate::lifecycle::{
    AttemptId, BootToken, Delivery, DutyEvent, Event, Flag, Hardware, InstalledAs, Reader, Refused, Report, TokenHash,
    WipeScope,
};
use crate::plan::{Facts, NodePlan};
use crate::secrets::Redactor;

use super::record::Record;

/// One requested change of one node.
#[derive(Debug, Clone)]
pub enum Change {
    /// A lifecycle event, with the name of the moment it marks.
    Event {
        /// The event.
        event: Event,
        /// Moment for the stage timings, for example `kickstart`.
        mark: Option<&'static str>,
    },
    /// An operator arms the node.
    Arm {
        /// The id of the new attempt.
        id: AttemptId,
        /// The scope of the permit.
        scope: WipeScope,
        /// Why a refusal was overruled, in the operator's words.
        forced: Option<String>,
        /// Why the node is not drained first, in the operator's words.
        undrained: Option<String>,
    },
    /// Events of the node's duty in the cloud.
    Duty(Vec<DutyEvent>),
    /// An operator sets or removes a flag. A node that gets a flag is no longer armed.
    Flag {
        /// The flag.
        flag: Flag,
        /// Whether it is set or removed.
        on: bool,
    },
    /// A boot script with the installer is about to be served: from here on the plan is fixed for this boot.
    Boot {
        /// The secret minted for this boot.
        token: TokenHash,
        /// The planned storage.
        plan: Box<NodePlan>,
        /// The description of the node as this installation makes it.
        installed_as: Box<InstalledAs>,
    },
    /// Records what a node was installed as, for a node that was installed before this was recorded.
    InstalledAs(Box<InstalledAs>),
    /// `%pre` asked for the storage commands.
    Redeem {
        /// The token of the request.
        token: TokenHash,
        /// The disks that will be written, in prose.
        words: String,
        /// Their kernel names by slot.
        disks: BTreeMap<String, String>,
        /// The volume groups that are kept.
        keep: Vec<String>,
        /// The recipient.
        reader: Reader,
    },
    /// The kickstart or the payload is about to be handed out. (The storage commands are handed out by `Redeem`.)
    Deliver {
        /// The kind of secret.
        delivery: Delivery,
        /// The token of the request.
        token: TokenHash,
        /// The recipient.
        reader: Reader,
    },
    /// What is known about the machine itself.
    Hardware(Hardware),
    /// An operator confirms that the other machine that was seen is the node from now on.
    AcceptHardware,
    /// Used by tests to put a node into any state.
    #[cfg(test)]
    Become(Box<Record>),
    /// The installer reported what is on the disks.
    Attest {
        /// The token of the report.
        token: TokenHash,
        /// What the installer found.
        facts: Box<Facts>,
    },
    /// A report from the node.
    Report {
        /// The content of the report.
        report: Report,
        /// The token of the report.
        token: BootToken,
    },
    /// The clock of this server was set by this many seconds, so the reference times move along.
    ClockSet(i64),
    /// The node sent a value that it wants back after a reimage.
    Keepsake {
        /// The name by which the steps know it.
        name: String,
        /// The value as the node sent it, in the form that the blueprint demands.
        value: String,
    },
    /// Something that was refused and is worth recording; it changes nothing.
    Note {
        /// The kind in the event log, one word.
        kind: &'static str,
        /// The text in the event log.
        detail: String,
    },
    /// Something worth recording that changes no state, for example that a kickstart was fetched.
    Mark {
        /// Moment for the stage timings.
        mark: &'static str,
        /// The text in the event log.
        detail: String,
    },
}

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// The kind of event, one word.
    pub kind: &'static str,
    /// The text.
    pub detail: String,
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The record after it.
    pub record: Record,
    /// The line for the log; none for a repeated report.
    pub log: Option<LogLine>,
}

impl Change {
    /// Removes known secrets from a machine's words.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::Report { report, .. } => {
                redactor.wash(&mut report.step);
                redactor.wash(&mut report.detail);
            }
            Self::Event {
                event: Event::InstallerStopped { reason, .. } | Event::StepFailed { reason, .. }, ..
            } => {
                redactor.wash(reason);
            }
            Self::Redeem { words, .. } => redactor.wash(words),
            Self::Mark { detail, .. } | Self::Note { detail, .. } => redactor.wash(detail),
            Self::Duty(events) => {
                for event in events {
                    if let DutyEvent::Answered(answer) = event {
                        redactor.wash(&mut answer.said);
                    }
                }
            }
            // No other change contains a machine's words that go into a log.
            _ => {}
        }
    }

    /// Whether the change may happen while all installations of the site are stopped: nothing that leads to a disk may.
    pub(crate) fn admit_stopped(&self) -> Result<(), Refused> {
        let leads_to_a_disk = match self {
            Self::Arm { .. } | Self::Boot { .. } | Self::Redeem { .. } => true,
            Self::Event { event, .. } => {
                matches!(event, Event::Armed { .. } | Event::BootScriptServed { .. } | Event::PermitRedeemed { .. })
            }
            // This includes newer payloads: a restored store is stopped, and may have outdated passwords.
            Self::Deliver { delivery, .. } => *delivery != Delivery::Payload,
            Self::Flag { .. } | Self::Attest { .. } | Self::Report { .. } => false,
            Self::Mark { .. } | Self::Note { .. } | Self::ClockSet(_) => false,
            Self::Hardware(_) | Self::AcceptHardware | Self::Keepsake { .. } | Self::Duty(_) => false,
            Self::InstalledAs(_) => false,
            #[cfg(test)]
            Self::Become(_) => false,
        };
        if leads_to_a_disk { Err(Refused::Stopped) } else { Ok(()) }
    }
}
