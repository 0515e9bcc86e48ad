//! What can be ordered, and what a BMC shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is done to the power of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// It is switched on.
    On,
    /// Its system is asked to shut down.
    Off,
    /// It is switched off at once, whatever it does.
    ForceOff,
    /// It is restarted at once, or switched on if it is off.
    Cycle,
    /// Its next boot, and only that, is from the network.
    Pxe,
    /// Its next boot is from the network, and that is now.
    PxeCycle,
}

impl Action {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [Self::On, Self::Off, Self::ForceOff, Self::Cycle, Self::Pxe, Self::PxeCycle];

    /// The word in addresses, bodies and the audit log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::ForceOff => "force-off",
            Self::Cycle => "cycle",
            Self::Pxe => "pxe",
            Self::PxeCycle => "pxe-cycle",
        }
    }

    /// Whether it can stop a system that runs, so that people are asked first.
    pub(crate) const fn stops(self) -> bool {
        matches!(self, Self::Off | Self::ForceOff | Self::Cycle | Self::PxeCycle)
    }

    /// Whether it changes what the node does now or at its next boot. Such an action is refused for a node that is
    /// protected or in maintenance.
    pub(crate) const fn disturbs(self) -> bool {
        !matches!(self, Self::On)
    }

    /// Whether the next boot is to be from the network.
    pub(crate) const fn boots_network(self) -> bool {
        matches!(self, Self::Pxe | Self::PxeCycle)
    }

    /// What was done, as the end of a sentence about the node.
    pub(crate) const fn done(self) -> &'static str {
        match self {
            Self::On => "is switched on",
            Self::Off => "was asked to shut down",
            Self::ForceOff => "is switched off",
            Self::Cycle => "is restarted",
            Self::Pxe => "boots from the network once, at its next start",
            Self::PxeCycle => "is restarted and boots from the network this once",
        }
    }

    /// What happens to the node, for the question before it.
    pub(crate) const fn warning(self) -> &'static str {
        match self {
            Self::Off => "its system is asked to shut down, and its services end",
            Self::ForceOff => "it is switched off at once; what its system has not written is lost",
            Self::Cycle => "it is restarted at once; what its system has not written is lost",
            Self::PxeCycle => {
                "it is restarted at once and boots from the network; what its system has not written is lost"
            }
            Self::On | Self::Pxe => "nothing that runs is stopped",
        }
    }
}

/// What a BMC shows of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Seen {
    /// `on`, `off`, or another word of the BMC.
    pub power: String,
    /// What it boots from next, if that was overridden, such as `Pxe, Once`.
    pub boots_next: Option<String>,
    /// Vendor, model and serial number.
    pub machine: Option<String>,
    /// The BMC itself: its model and firmware.
    pub bmc: Option<String>,
    /// The kinds of reset that the BMC offers; empty when it does not say.
    pub resets: Vec<String>,
    /// The sources that it can boot from once; empty when it does not say.
    pub sources: Vec<String>,
}

impl Seen {
    /// With each text changed.
    pub(crate) fn map(self, change: impl Fn(String) -> String) -> Self {
        let all = |texts: Vec<String>| texts.into_iter().map(&change).collect();
        Self {
            power: change(self.power),
            boots_next: self.boots_next.map(&change),
            machine: self.machine.map(&change),
            bmc: self.bmc.map(&change),
            resets: all(self.resets),
            sources: all(self.sources),
        }
    }

    /// What the BMC says beside the power, for people.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let list = |words: &[String]| Some(words.join(", ")).filter(|words| !words.is_empty());
        let said = [
            ("boots next from", self.boots_next.clone()),
            ("machine", self.machine.clone()),
            ("BMC", self.bmc.clone()),
            ("knows the resets", list(&self.resets)),
            ("can boot once from", list(&self.sources)),
        ];
        said.into_iter().filter_map(|(what, said)| Some((what, said?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_own_word_and_what_stops_a_node_also_disturbs_it() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.word());
            assert!(!action.stops() || action.disturbs(), "{action:?}");
        }
        let stopping: Vec<&str> =
            Action::ALL.iter().filter(|action| action.stops()).map(|action| action.word()).collect();
        assert_eq!(stopping, ["off", "force-off", "cycle", "pxe-cycle"]);
    }
}
