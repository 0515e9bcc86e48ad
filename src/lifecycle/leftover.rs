//! The system that is on the disk, as far as is known: it may run, hold a copy of what others hold, and have something to say.
//!
//! An attempt that never redeemed its permit touched no disk. What ran before goes on running behind it, so it is neither
//! forgotten when such an attempt fails nor left unheard.

use super::{Event, Refused, Stage, State, TokenHash};

impl State {
    /// The state of the installation on the disk: this one, or the one behind an attempt that did not touch the disk. None
    /// when there is none of ours, or when an installer has begun to write over it.
    pub(crate) fn system(&self) -> Option<&Self> {
        match self {
            Self::Firstboot { .. } | Self::Ready { .. } | Self::Failed { during: Stage::Firstboot, .. } => Some(self),
            Self::Armed { previous, .. } | Self::Failed { previous, .. } => previous.as_deref()?.system(),
            Self::Suspect { previous, .. } => previous.system(),
            Self::New | Self::Installing { .. } => None,
        }
    }

    /// Like [`Self::system`], but only a system that is heard and can be asked something: not while an attempt is armed or the
    /// node is suspect.
    pub(crate) fn heard_system(&self) -> Option<&Self> {
        match self {
            Self::Armed { .. } | Self::Suspect { .. } => None,
            _ => self.system(),
        }
    }

    /// What an attempt that fails now leaves as it was. Never a failed attempt behind a failed one: only what is on the disk.
    pub(super) fn left_alone(&self) -> Option<Box<Self>> {
        match self {
            Self::Armed { .. } => self.system().cloned().map(Box::new),
            _ => None,
        }
    }

    /// The system that is heard although a later attempt has failed. While that attempt was armed it was not: people wait
    /// for the installer then.
    fn left_behind(&self) -> Option<&Self> {
        match self {
            Self::Failed { previous, .. } => previous.as_deref(),
            Self::Suspect { previous, .. } => previous.left_behind(),
            _ => None,
        }
    }

    /// Whether this is the token of the system behind a failed attempt. It brings nothing; it is only heard.
    pub(crate) fn left_behind_with(&self, token: &TokenHash) -> bool {
        self.left_behind().is_some_and(|system| system.redeemer(token).is_ok())
    }

    /// Whether who has this token may speak for the node.
    pub(crate) fn listens_to(&self, token: &TokenHash) -> bool {
        let own = self.attempt().is_some_and(|attempt| {
            attempt.newest_boot.as_ref() == Some(token) || attempt.redeemed_by.as_ref() == Some(token)
        });
        own || self.left_behind_with(token)
    }

    /// What that system says of itself: the failed attempt is no news any more. None when it is not such a word.
    pub(super) fn hear_the_left_behind(&self, event: &Event) -> Option<Result<Self, Refused>> {
        let (Event::Working { token } | Event::StepFailed { token, .. } | Event::Ready { token }) = event else {
            return None;
        };
        let system = self.left_behind().filter(|_| self.left_behind_with(token))?;
        Some(system.apply(event))
    }
}
