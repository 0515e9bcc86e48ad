//! What can be asked of the store, and how a change works on one record. Pure: `writer` makes it durable.

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

/// One wanted change of one node.
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
        /// A fresh id.
        id: AttemptId,
        /// What the permit allows.
        scope: WipeScope,
        /// Why a refusal was overruled, in the operator's words.
        forced: Option<String>,
        /// Why it is not drained before, in the operator's words.
        undrained: Option<String>,
    },
    /// What becomes of its duty in the cloud.
    Duty(Vec<DutyEvent>),
    /// An operator sets a flag or takes it away. A flagged node is not armed any more.
    Flag {
        /// Which.
        flag: Flag,
        /// Set, or taken away.
        on: bool,
    },
    /// A boot script with the installer is about to be served: the plan is fixed for this boot.
    Boot {
        /// The secret minted for this boot.
        token: TokenHash,
        /// What the disks will look like.
        plan: Box<NodePlan>,
        /// What the installation makes of the node.
        installed_as: Box<InstalledAs>,
    },
    /// What a node was installed as that was installed before that was recorded.
    InstalledAs(Box<InstalledAs>),
    /// `%pre` asked for the storage commands.
    Redeem {
        /// The token that asks.
        token: TokenHash,
        /// The disks that will be written, in words.
        words: String,
        /// Their kernel names by slot.
        disks: BTreeMap<String, String>,
        /// The volume groups that stay.
        keep: Vec<String>,
        /// To whom they go.
        reader: Reader,
    },
    /// The kickstart or the payload is about to leave. (The storage commands leave by `Redeem`.)
    Deliver {
        /// Which.
        delivery: Delivery,
        /// The token that asks.
        token: TokenHash,
        /// To whom it goes.
        reader: Reader,
    },
    /// What is known of the machine itself.
    Hardware(Hardware),
    /// An operator says that the other machine that was seen is the node from now on.
    AcceptHardware,
    /// A test puts a node where it wants it.
    #[cfg(test)]
    Become(Box<Record>),
    /// The installer told what is on the disks.
    Attest {
        /// The token that says so.
        token: TokenHash,
        /// What it found.
        facts: Box<Facts>,
    },
    /// A report of the node.
    Report {
        /// What it said.
        report: Report,
        /// The token it said it with.
        token: BootToken,
    },
    /// The clock of this server was set by so many seconds: what is counted from moves along.
    ClockSet(i64),
    /// The node told a value that it wants again after a reimage.
    Keepsake {
        /// By which name the steps know it.
        name: String,
        /// As the node told it, in the form that the blueprint wants.
        value: String,
    },
    /// Something that was refused and is worth remembering; it changes nothing.
    Note {
        /// One word for the event log.
        kind: &'static str,
        /// Words for the event log.
        detail: String,
    },
    /// Something worth remembering that changes no state: a kickstart was fetched, say.
    Mark {
        /// Moment for the stage timings.
        mark: &'static str,
        /// Words for the event log.
        detail: String,
    },
}

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// What happened, one word.
    pub kind: &'static str,
    /// In words.
    pub detail: String,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The record afterwards.
    pub record: Record,
    /// What to write to the log; none for a repeated report.
    pub log: Option<LogLine>,
}

impl Change {
    /// Takes known secrets out of the words of a machine.
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
            // No other change holds words of a machine that go into a log.
            _ => {}
        }
    }

    /// Whether it may happen while all installations of the site are stopped: nothing that leads to a disk.
    pub(crate) fn admit_stopped(&self) -> Result<(), Refused> {
        let leads_to_a_disk = match self {
            Self::Arm { .. } | Self::Boot { .. } | Self::Redeem { .. } => true,
            Self::Event { event, .. } => {
                matches!(event, Event::Armed { .. } | Event::BootScriptServed { .. } | Event::PermitRedeemed { .. })
            }
            // A newer payload neither: a restored store is stopped, and may hold passwords of long ago.
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
