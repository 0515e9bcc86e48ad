//! The life of a node as one pure table: state x event -> state, or a refusal. No clock, no store, no socket.
//!
//! Everything rests on one invariant: an attempt's permit goes from unspent to spent once, for one boot, and only
//! `Armed` is ever answered with an installer. The instructions to wipe therefore exist at most once per arming.

mod attempt;
pub(crate) mod blast;
mod custody;
pub(crate) mod duty;
mod event;
mod flags;
mod hardware;
mod installed_as;
mod leftover;
mod progress;
mod renewal;
mod report_rate;
mod suspect;
mod swap;
pub(crate) mod timeouts;

use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, AttemptId, BootToken, TokenHash, WipeScope};
pub use custody::Reader;
pub(crate) use custody::{ASK_AGAIN_SECONDS, Custody, Delivery, NotTheReader};
pub(crate) use duty::{Duty, DutyEvent, Errand, ErrandAnswer, Outcome, heard, wanted};
pub(crate) use event::Refused;
pub use event::{Event, Stage};
pub use flags::Stopped;
pub(crate) use flags::{Flag, Flags};
pub(crate) use hardware::{Hardware, Shown, Sight, plain_serial};
pub use installed_as::InstalledAs;
pub(crate) use progress::{Progress, StepProgress};
pub use progress::{Report, ReportEvent};
pub(crate) use renewal::{Told, held_back};
pub(crate) use report_rate::{Admission, BURST, ReportRate, STORED_PER_ATTEMPT};
pub(crate) use swap::{Hindrance, NOT_IN_THE_FILE, hindrances, is_to_wipe, read_once, withdrawn};

/// How many installer boots of one attempt may go without a redeemed permit before the attempt fails.
pub(crate) const MAX_BOOTS: u8 = 3;

/// Where a node is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// The node is in the site file and was never installed: not armed yet, or disarmed before anything was touched.
    New,
    /// The node may be installed: its next network boot gets the installer.
    Armed {
        /// The attempt that was armed.
        attempt: Attempt,
        /// The state that the node returns to when it is disarmed; none when it was never anything else.
        previous: Option<Box<State>>,
    },
    /// The wipe permit is spent and the installer is running.
    Installing {
        /// The running attempt.
        attempt: Attempt,
    },
    /// The system is installed; firstboot is running or about to start.
    Firstboot {
        /// The running attempt.
        attempt: Attempt,
    },
    /// Firstboot verified every step.
    Ready {
        /// The attempt that installed it.
        attempt: Attempt,
    },
    /// The attempt stopped. An operator moves the node on, or a report of the same attempt that proves otherwise.
    Failed {
        /// The attempt that failed.
        attempt: Attempt,
        /// The part of the work that failed.
        during: Stage,
        /// The reason, in one sentence.
        reason: String,
        /// What the disk still holds when this attempt never redeemed its permit: a state of [`State::system`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Box<State>>,
    },
    /// The node is not trusted: somebody else may hold its token, or it is another machine. Only an operator clears it.
    Suspect {
        /// The state behind the suspicion, which goes on changing; never `Armed`, because the permit is withdrawn.
        previous: Box<State>,
        /// What was seen, in one sentence.
        why: String,
    },
}

impl State {
    /// The word that people see: `new`, `armed`, `installing`, `firstboot`, `ready`, `failed` or `suspect`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Armed { .. } => "armed",
            Self::Installing { .. } => "installing",
            Self::Firstboot { .. } => "firstboot",
            Self::Ready { .. } => "ready",
            Self::Failed { .. } => "failed",
            Self::Suspect { .. } => "suspect",
        }
    }

    /// The current or last attempt.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::New => None,
            Self::Armed { attempt, .. }
            | Self::Installing { attempt }
            | Self::Firstboot { attempt }
            | Self::Ready { attempt }
            | Self::Failed { attempt, .. } => Some(attempt),
            Self::Suspect { previous, .. } => previous.attempt(),
        }
    }

    /// Applies an event, or returns why it is refused; a refused event changes nothing.
    pub(crate) fn apply(&self, event: &Event) -> Result<Self, Refused> {
        if let Self::Suspect { previous, why } = self {
            return suspect::apply(previous, why, event);
        }
        if let Some(heard) = self.hear_the_left_behind(event) {
            return heard;
        }
        match event {
            Event::Armed { id, scope } => self.arm(id, *scope),
            Event::Disarmed | Event::Withdrawn { .. } => self.disarm(),
            Event::BootScriptServed { token } => self.serve_installer(token),
            Event::CameBackUnfinished => self.come_back(),
            Event::PermitRedeemed { token, .. } => self.redeem(token),
            Event::InstallerStopped { token, reason } => self.stop_installer(token, reason),
            Event::Attested { token, differences } => self.attest(token, differences),
            Event::Installed { token } => self.installed(token),
            Event::Working { token } => self.firstboot_at_work(token),
            Event::StepFailed { token, reason } => self.step_failed(token, reason),
            Event::Ready { token } => self.ready(token),
            Event::Overdue { reason } => self.overdue(reason),
            Event::Expired => self.expire(),
            Event::GivenUp { reason } => self.give_up(reason),
            Event::Suspected { why } => Ok(suspect::of(self, why)),
            Event::Cleared => Err(Refused::NothingToDo),
        }
    }

    /// Arms from every state in which no installer is running. Without permission to destroy data an installed node is
    /// refused: its installer would only find data, and its running system would not be listened to any more.
    fn arm(&self, id: &AttemptId, scope: WipeScope) -> Result<Self, Refused> {
        let previous = match self {
            Self::Installing { .. } => return Err(Refused::Busy),
            _ if scope == WipeScope::BlankDiskOnly && self.system().is_some() => return Err(Refused::NeedsReimage),
            Self::New => None,
            Self::Armed { previous, .. } => previous.clone(),
            other => Some(Box::new(other.clone())),
        };
        Ok(Self::Armed { attempt: Attempt::new(id.clone(), scope), previous })
    }

    /// Takes an unspent permit back. A node that was never anything else is `new` again; that it does not arm itself is
    /// recorded beside the state.
    fn disarm(&self) -> Result<Self, Refused> {
        self.unarmed().ok_or(Refused::NotArmed(self.word()))
    }

    /// The failed state of an attempt whose installer was not fetched in time.
    fn expire(&self) -> Result<Self, Refused> {
        match self {
            Self::Armed { attempt, .. } if attempt.boots > 0 => Err(Refused::NothingToDo),
            _ => self.unarmed().ok_or(Refused::NothingToDo),
        }
    }

    /// The state of an armed node before it was armed.
    fn unarmed(&self) -> Option<Self> {
        let Self::Armed { previous, .. } = self else { return None };
        Some(previous.as_ref().map_or(Self::New, |previous| (**previous).clone()))
    }

    fn serve_installer(&self, token: &TokenHash) -> Result<Self, Refused> {
        let Self::Armed { attempt, previous } = self else { return Err(Refused::NotArmed(self.word())) };
        let mut attempt = attempt.clone();
        if attempt.boots >= MAX_BOOTS {
            let reason = format!("booted the installer {MAX_BOOTS} times and never asked for its wipe permit");
            return Ok(Self::failed_installer(attempt, reason, self.left_alone()));
        }
        attempt.boots += 1;
        attempt.newest_boot = Some(token.clone());
        Ok(Self::Armed { attempt, previous: previous.clone() })
    }

    /// A network boot although the installer never reported its end. The disk may be half written, so the answer is the
    /// local disk, and people are told at once. A later report of this attempt recovers the node.
    fn come_back(&self) -> Result<Self, Refused> {
        let Self::Installing { attempt } = self else { return Err(Refused::NothingToDo) };
        let reason = "restarted after its wipe permit was spent and before it reported `installed`";
        Ok(Self::failed_installer(attempt.clone(), reason, None))
    }

    fn redeem(&self, token: &TokenHash) -> Result<Self, Refused> {
        match self {
            Self::Armed { attempt, .. } if attempt.newest_boot.as_ref() == Some(token) => {
                let redeemed_by = Some(token.clone());
                Ok(Self::Installing { attempt: Attempt { redeemed_by, ..attempt.clone() } })
            }
            // The answer was lost on the wire, so the same boot may have it again.
            Self::Installing { attempt } if attempt.redeemed_by.as_ref() == Some(token) => Ok(self.clone()),
            Self::Armed { .. } => Err(Refused::OldBoot),
            _ => Err(Refused::PermitSpent),
        }
    }

    fn stop_installer(&self, token: &TokenHash, reason: &str) -> Result<Self, Refused> {
        let attempt = self.spoken_for_by(token)?;
        match self {
            Self::Armed { .. } | Self::Installing { .. } => {
                Ok(Self::failed_installer(attempt, reason, self.left_alone()))
            }
            _ => Err(Refused::NothingToDo),
        }
    }

    /// Compares the disks with the plan. A difference ends the attempt, and no later report of it recovers the node.
    fn attest(&self, token: &TokenHash, differences: &[String]) -> Result<Self, Refused> {
        if matches!(self, Self::Armed { attempt, .. } if attempt.newest_boot.as_ref() == Some(token)) {
            return Err(Refused::NotRedeemed);
        }
        let attempt = Attempt { attested: differences.is_empty(), ..self.redeemer(token)? };
        match self {
            Self::Installing { .. } | Self::Failed { during: Stage::Installer, .. } if !differences.is_empty() => {
                let reason = format!("the disks are not as planned:\n{}", differences.join("\n"));
                Ok(Self::failed_installer(attempt, reason, None))
            }
            Self::Installing { .. } => Ok(Self::Installing { attempt }),
            Self::Failed { during: Stage::Installer, reason, .. } => {
                Ok(Self::failed_installer(attempt, reason.as_str(), None))
            }
            // The node repeats its question because the answer was lost.
            _ => Err(Refused::NothingToDo),
        }
    }

    fn installed(&self, token: &TokenHash) -> Result<Self, Refused> {
        let attempt = self.attested_redeemer(token)?;
        match self {
            Self::Installing { .. } | Self::Failed { during: Stage::Installer, .. } => Ok(Self::Firstboot { attempt }),
            _ => Ok(self.clone()),
        }
    }

    fn firstboot_at_work(&self, token: &TokenHash) -> Result<Self, Refused> {
        let attempt = self.attested_redeemer(token)?;
        match self {
            // A ready node that verifies itself after a reboot stays ready.
            Self::Ready { .. } => Ok(self.clone()),
            _ => Ok(Self::Firstboot { attempt }),
        }
    }

    fn step_failed(&self, token: &TokenHash, reason: &str) -> Result<Self, Refused> {
        let attempt = self.attested_redeemer(token)?;
        Ok(Self::Failed { attempt, during: Stage::Firstboot, reason: reason.into(), previous: None })
    }

    fn ready(&self, token: &TokenHash) -> Result<Self, Refused> {
        Ok(Self::Ready { attempt: self.attested_redeemer(token)? })
    }

    /// An operator knows better than a timeout. A later report of the attempt still recovers the node.
    fn give_up(&self, reason: &str) -> Result<Self, Refused> {
        let (attempt, during) = match self {
            Self::Installing { attempt } => (attempt, Stage::Installer),
            Self::Firstboot { attempt } => (attempt, Stage::Firstboot),
            _ => return Err(Refused::NothingToDo),
        };
        let reason = format!("given up by an operator: {reason}");
        Ok(Self::Failed { attempt: attempt.clone(), during, reason, previous: None })
    }

    /// Silence ends in `failed`. A later report of the attempt recovers the node, unless its permit was never redeemed.
    fn overdue(&self, reason: &str) -> Result<Self, Refused> {
        let (attempt, during) = match self {
            Self::Armed { attempt, .. } if attempt.boots > 0 => (attempt, Stage::Installer),
            Self::Installing { attempt } => (attempt, Stage::Installer),
            Self::Firstboot { attempt } => (attempt, Stage::Firstboot),
            _ => return Err(Refused::NothingToDo),
        };
        Ok(Self::Failed { attempt: attempt.clone(), during, reason: reason.into(), previous: self.left_alone() })
    }

    fn failed_installer(attempt: Attempt, reason: impl Into<String>, previous: Option<Box<Self>>) -> Self {
        Self::Failed { attempt, during: Stage::Installer, reason: reason.into(), previous }
    }

    /// The attempt, if `token` is its newest boot or the boot that redeemed it.
    fn spoken_for_by(&self, token: &TokenHash) -> Result<Attempt, Refused> {
        match self.attempt() {
            Some(attempt) if attempt.speaker() == Some(token) => Ok(attempt.clone()),
            _ => Err(Refused::OldAttempt),
        }
    }

    /// The attempt, if `token` redeemed its permit and its disks were found to be as planned. An attempt that got past
    /// the installer was compared then, or was installed before rackstart compared disks at all.
    fn attested_redeemer(&self, token: &TokenHash) -> Result<Attempt, Refused> {
        let attempt = self.redeemer(token)?;
        match self {
            Self::Installing { .. } | Self::Failed { during: Stage::Installer, .. } if !attempt.attested => {
                Err(Refused::NotAttested)
            }
            _ => Ok(attempt),
        }
    }

    /// The attempt, if `token` is the boot that redeemed its permit.
    fn redeemer(&self, token: &TokenHash) -> Result<Attempt, Refused> {
        match self.attempt() {
            Some(attempt) if attempt.redeemed_by.as_ref() == Some(token) => Ok(attempt.clone()),
            _ => Err(Refused::OldAttempt),
        }
    }
}

#[cfg(test)]
mod tests;
