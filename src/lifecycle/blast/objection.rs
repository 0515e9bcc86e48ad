//! Why nothing is armed, in words for the operator.

use super::OwnCard;
use crate::lifecycle::Stopped;
use crate::site::NodeName;

/// One reason against a wish.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Objection {
    /// All installations of the site are stopped.
    #[error("installations are stopped, by {who}")]
    Stopped {
        /// The person that did it.
        who: String,
    },
    /// The node is the machine that rackstart runs on.
    #[error("{node} has the MAC {} of this machine's own {}", card.mac, card.interface)]
    Own {
        /// The node.
        node: NodeName,
        /// The card.
        card: OwnCard,
    },
    /// An operator protects it.
    #[error("{0} is protected")]
    Protected(NodeName),
    /// An operator works on it.
    #[error("{0} is in maintenance")]
    Maintenance(NodeName),
    /// It is not trusted.
    #[error("{node} is suspect: {why}")]
    Suspect {
        /// The node.
        node: NodeName,
        /// What was seen.
        why: String,
    },
    /// An installer is at work on its disk.
    #[error("{0} is installing: wait, or power-cycle it; it is then failed and can be armed again")]
    Installing(NodeName),
    /// Too many for a slip of the keyboard.
    #[error("this is about {number} of the {all} nodes{}", said(*given))]
    Count {
        /// How many are asked for.
        number: usize,
        /// How many there are.
        all: usize,
        /// How many the operator said.
        given: Option<usize>,
    },
    /// The only node with something that the others cannot do without.
    #[error(
        "{node} is the only node that provides `{capability}`, and it is {state}: the others stand still without it"
    )]
    Only {
        /// The node.
        node: NodeName,
        /// What it provides.
        capability: String,
        /// Its state.
        state: &'static str,
    },
    /// Another copy of what it holds is not there.
    #[error("{node} holds a {what} of the volume {volume}, and {other}, which holds another copy, is {state}{}", and(*more))]
    Replica {
        /// The node.
        node: NodeName,
        /// What a copy is called.
        what: String,
        /// Name of the volume.
        volume: String,
        /// The node that holds another copy.
        other: NodeName,
        /// What is wrong with it: its state, `in maintenance`, `in the same request`, or that it is being drained.
        state: String,
        /// How many more holders are not there.
        more: usize,
    },
    /// It is at work.
    #[error("{node} is not drained: {why}")]
    NotDrained {
        /// The node.
        node: NodeName,
        /// Why not.
        why: String,
    },
}

impl Objection {
    pub(super) fn stopped(stopped: &Stopped) -> Self {
        Self::Stopped { who: stopped.who.clone() }
    }

    /// One thing to do about it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Stopped { .. } => "`rackstart stop --lift` allows installations again".into(),
            Self::Own { .. } => {
                "correct the MAC in the site file: rackstart never installs the machine it runs on".into()
            }
            Self::Protected(node) => format!("`rackstart unprotect {node}` if its data may be lost"),
            Self::Maintenance(node) => format!("`rackstart maintenance {node} --off` when the work on it is done"),
            Self::Suspect { node, .. } => format!("look into it, then run `rackstart clear-suspect {node}`"),
            Self::Installing(node) => format!("`rackstart disarm {node} --give-up REASON` if its installer is dead"),
            Self::Count { number, .. } => format!("say the exact number: --count {number}"),
            Self::NotDrained { .. } => {
                "correct that and try again; or say why it need not be drained: --no-drain TEXT".into()
            }
            Self::Only { .. } | Self::Replica { .. } => {
                "do one after the other, each ready before the next; or overrule it with --force --reason TEXT".into()
            }
        }
    }
}

#[cfg(test)]
impl Objection {
    /// One word, for tables of tests.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Stopped { .. } => "stopped",
            Self::Own { .. } => "own-mac",
            Self::Protected(_) => "protected",
            Self::Maintenance(_) => "maintenance",
            Self::Suspect { .. } => "suspect",
            Self::Installing(_) => "installing",
            Self::Count { .. } => "count",
            Self::Only { .. } => "only-one",
            Self::Replica { .. } => "replica",
            Self::NotDrained { .. } => "not-drained",
        }
    }
}

fn said(given: Option<usize>) -> String {
    given.map(|given| format!(", and {given} were counted")).unwrap_or_default()
}

fn and(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => "; 1 more is missing".into(),
        _ => format!("; {more} more are missing"),
    }
}
