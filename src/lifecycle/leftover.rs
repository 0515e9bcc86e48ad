//! The system that is on the disk, as far as is known: it may run, hold a copy of shared data, and still report.
//!
//! An attempt that never redeemed its permit has not touched the disk. The previous system goes on running behind it,
//! so it is neither forgotten when such an attempt fails nor ignored.

use super::{Event, Refused, Stage, State, TokenHash};

impl State {
    /// The state of the installation on the disk: this one, or the one behind an attempt that did not touch the disk.
    /// None when there is no installation of ours, or when an installer has begun to overwrite it.
    pub(crate) fn system(&self) -> Option<&Self> {
        match self {
            Self::Firstboot { .. } | Self::Ready { .. } | Self::Failed { during: Stage::Firstboot, .. } => Some(self),
            Self::Armed { previous, .. } | Self::Failed { previous, .. } => previous.as_deref()?.system(),
            Self::Suspect { previous, .. } => previous.system(),
            Self::New | Self::Installing { .. } => None,
        }
    }

    /// Like [`Self::system`], but only a system that is listened to and can be given errands: not while an attempt is
    /// armed or the node is suspect.
    pub(crate) fn heard_system(&self) -> Option<&Self> {
        match self {
            Self::Armed { .. } | Self::Suspect { .. } => None,
            _ => self.system(),
        }
    }

    /// What an attempt that fails now leaves untouched: what is on the disk, and never one failed attempt behind
    /// another.
    pub(super) fn left_alone(&self) -> Option<Box<Self>> {
        match self {
            Self::Armed { .. } => self.system().cloned().map(Box::new),
            _ => None,
        }
    }

    /// The system that is listened to although a later attempt has failed. It was not while that attempt was armed,
    /// because people wait for the installer then.
    fn left_behind(&self) -> Option<&Self> {
        match self {
            Self::Failed { previous, .. } => previous.as_deref(),
            Self::Suspect { previous, .. } => previous.left_behind(),
            _ => None,
        }
    }

    /// Whether this is the token of the system behind a failed attempt. It gets no secrets; only its reports are
    /// accepted.
    pub(crate) fn left_behind_with(&self, token: &TokenHash) -> bool {
        self.left_behind().is_some_and(|system| system.redeemer(token).is_ok())
    }

    /// All tokens whose holders may speak for the node.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &TokenHash> {
        let attempt = self.attempt();
        let booted = attempt.and_then(|attempt| attempt.newest_boot.as_ref());
        let redeemed = attempt.and_then(|attempt| attempt.redeemed_by.as_ref());
        let left_behind = self.left_behind().and_then(Self::attempt).and_then(|system| system.redeemed_by.as_ref());
        [booted, redeemed, left_behind].into_iter().flatten()
    }

    /// Applies a report of that system, which makes the failed attempt a thing of the past. None when the event is not
    /// such a report.
    pub(super) fn hear_the_left_behind(&self, event: &Event) -> Option<Result<Self, Refused>> {
        let (Event::Working { token } | Event::StepFailed { token, .. } | Event::Ready { token }) = event else {
            return None;
        };
        let system = self.left_behind().filter(|_| self.left_behind_with(token))?;
        Some(system.apply(event))
    }
}
