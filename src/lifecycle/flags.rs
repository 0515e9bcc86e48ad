//! What an operator says about a node or the whole site, independently of the node's state.

use serde::{Deserialize, Serialize};

use super::{Event, Refused};

/// Two orders that stay with a node in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    /// The node is never armed and never gets storage commands.
    #[serde(default)]
    pub protected: bool,
    /// Somebody works on the node: it is never armed, its reports are recorded without an alarm, and silence does not
    /// fail it.
    #[serde(default)]
    pub maintenance: bool,
}

/// One of the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// [`Flags::protected`].
    Protected,
    /// [`Flags::maintenance`].
    Maintenance,
}

impl Flag {
    /// The text for a flag that already is as requested.
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

    /// Whether the flags allow an event. A flagged node is never `armed`; the check holds even if one were.
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

    /// The flags that are set, as `status` shows them.
    pub(crate) fn words(self) -> Vec<&'static str> {
        let named = [(self.protected, "protected"), (self.maintenance, "maintenance")];
        named.into_iter().filter_map(|(on, word)| on.then_some(word)).collect()
    }
}

/// The order that stops all installations of the site: nothing is armed and no storage commands are handed out until an
/// operator lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stopped {
    /// When it was given, in Unix seconds.
    pub since: u64,
    /// The person who gave it.
    pub who: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{AttemptId, BootToken, WipeScope};

    #[test]
    fn a_flagged_node_is_not_armed_not_booted_and_gets_no_storage_commands() {
        let token = BootToken::from_random([1; 16]).hash();
        let dangerous = [
            Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly },
            Event::BootScriptServed { token: token.clone() },
            Event::PermitRedeemed { token: token.clone(), disk: "sda".into() },
        ];
        let (none, report) = (Flags::default(), Event::Installed { token });
        let protected = none.with(Flag::Protected, true);
        let both = protected.with(Flag::Maintenance, true);
        let maintained = both.with(Flag::Protected, false);
        for event in &dangerous {
            assert_eq!(none.admit(event), Ok(()));
            assert_eq!(protected.admit(event), Err(Refused::Protected));
            assert_eq!(both.admit(event), Err(Refused::Protected));
            assert_eq!(maintained.admit(event), Err(Refused::Maintenance));
        }
        assert_eq!(both.admit(&report), Ok(()), "what runs may say so");
        assert_eq!((none.words(), both.words()), (vec![], vec!["protected", "maintenance"]));
        assert_eq!(maintained.words(), ["maintenance"]);
        assert_eq!(Flag::Protected.words(true), "protected already");
        assert_eq!(Flag::Maintenance.words(false), "not in maintenance");
    }
}
