//! What an operator says about a node or the whole site, beside its state.

use serde::{Deserialize, Serialize};

use super::{Event, Refused};

/// Two orders that stay with a node whatever its state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    /// It is never armed, and never gets storage commands.
    #[serde(default)]
    pub protected: bool,
    /// Somebody works on it: it is never armed, its reports are noted without an alarm, and no silence fails it.
    #[serde(default)]
    pub maintenance: bool,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// [`Flags::protected`].
    Protected,
    /// [`Flags::maintenance`].
    Maintenance,
}

impl Flag {
    /// What a node is already that is given the flag, or has it taken away, in vain.
    pub(crate) fn words(self, on: bool) -> &'static str {
        match (self, on) {
            (Self::Protected, true) => "protected already",
            (Self::Protected, false) => "not protected",
            (Self::Maintenance, true) => "in maintenance already",
            (Self::Maintenance, false) => "not in maintenance",
        }
    }
}

impl Flags {
    /// The flags with one of them set or not.
    pub(crate) fn with(self, flag: Flag, on: bool) -> Self {
        match flag {
            Flag::Protected => Self { protected: on, ..self },
            Flag::Maintenance => Self { maintenance: on, ..self },
        }
    }

    /// Whether an event is allowed beside the state. The state of a flagged node is never `armed`; this holds even if it
    /// were.
    pub(crate) fn admit(self, event: &Event) -> Result<(), Refused> {
        match event {
            Event::Armed { .. } | Event::BootScriptServed { .. } | Event::PermitRedeemed { .. } => match self {
                Self { protected: true, .. } => Err(Refused::Protected),
                Self { maintenance: true, .. } => Err(Refused::Maintenance),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// In words, as `status` shows them; empty when there is none.
    pub(crate) fn words(self) -> Vec<&'static str> {
        let named = [(self.protected, "protected"), (self.maintenance, "maintenance")];
        named.into_iter().filter_map(|(on, word)| on.then_some(word)).collect()
    }
}

/// All installations of the site are stopped: nothing is armed and no storage commands leave until an operator lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stopped {
    /// Unix seconds.
    pub since: u64,
    /// The person that did it.
    pub who: String,
}
