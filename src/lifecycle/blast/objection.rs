//! Why nothing is armed, worded for the operator.

use super::OwnCard;
use crate::lifecycle::Stopped;
use crate::site::NodeName;

/// One reason against an arming.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Objection {
    /// All installations of the site are stopped.
    #[error("installations are stopped, by {who}")]
    Stopped {
        /// The person who stopped the installations.
        who: String,
    },
    /// The node is the machine that rackstart runs on.
    #[error("{node} has the MAC {} of this machine's own {}", card.mac, card.interface)]
    Own {
        node: NodeName,
        /// The card that the node has in common with this machine.
        card: OwnCard,
    },
    /// An operator protects the node.
    #[error("{0} is protected")]
    Protected(NodeName),
    /// An operator works on the node.
    #[error("{0} is in maintenance")]
    Maintenance(NodeName),
    /// The node is not trusted.
    #[error("{node} is suspect: {why}")]
    Suspect {
        node: NodeName,
        /// What was seen.
        why: String,
    },
    /// An installer is at work on the node's disk.
    #[error("{0} is installing: wait, or power-cycle it; it is then failed and can be armed again")]
    Installing(NodeName),
    /// The request names so many nodes that it may be a typing error.
    #[error("this is about {number} of the {all} nodes{}", said(*given))]
    Count {
        /// How many nodes are asked for.
        number: usize,
        /// How many nodes the site has.
        all: usize,
        /// The number that the operator gave.
        given: Option<usize>,
    },
    /// The only node that provides a capability which the others cannot do without.
    #[error(
        "{node} is the only node that provides `{capability}`, and it is {state}: the others cannot work without it"
    )]
    Only {
        node: NodeName,
        /// The capability.
        capability: String,
        state: &'static str,
    },
    /// The other copy of the node's data is not available.
    #[error("{node} holds a {what} of the volume {volume}, and {other}, which holds another copy, is {state}{}", and(*more))]
    Replica {
        node: NodeName,
        /// What the blueprint calls a copy.
        what: String,
        volume: String,
        /// The node that holds the other copy.
        other: NodeName,
        /// What is wrong with that node: its state, `in maintenance`, `in the same request`, or that it is being
        /// drained.
        state: String,
        /// How many further holders are not available.
        more: usize,
    },
    /// The node is at work in the cloud.
    #[error("{node} is not drained: {why}")]
    NotDrained {
        node: NodeName,
        /// Why it is not drained.
        why: String,
    },
}

impl Objection {
    pub(super) fn stopped(stopped: &Stopped) -> Self {
        Self::Stopped { who: stopped.who.clone() }
    }

    /// One thing that the operator can do about it.
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
    /// A single word, for the tables of tests.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeName {
        "compute2".parse().unwrap()
    }

    #[test]
    fn each_objection_has_a_way_out_that_names_the_node() {
        let card = OwnCard { interface: "eth0".into(), mac: "52:54:00:a8:02:01".parse().unwrap() };
        let state = "firstboot".to_string();
        for (objection, help) in [
            (Objection::stopped(&Stopped { since: 1, who: "ann".into() }), "`rackstart stop --lift` allows"),
            (Objection::Own { node: node(), card }, "correct the MAC in the site file"),
            (Objection::Protected(node()), "`rackstart unprotect compute2`"),
            (Objection::Maintenance(node()), "`rackstart maintenance compute2 --off`"),
            (
                Objection::Suspect { node: node(), why: "w".into() },
                "look into it, then run `rackstart clear-suspect compute2`",
            ),
            (Objection::Installing(node()), "`rackstart disarm compute2 --give-up REASON`"),
            (Objection::Count { number: 3, all: 5, given: None }, "say the exact number: --count 3"),
            (Objection::NotDrained { node: node(), why: "w".into() }, "correct that and try again"),
            (
                Objection::Only { node: node(), capability: "control".into(), state: "ready" },
                "do one after the other, each ready before the next",
            ),
            (replica(state, 0), "do one after the other, each ready before the next"),
        ] {
            assert!(objection.help().starts_with(help), "{objection}: {}", objection.help());
        }
    }

    fn replica(state: String, more: usize) -> Objection {
        let (what, volume, other) = ("brick".into(), "vm-instances".into(), "compute3".parse().unwrap());
        Objection::Replica { node: node(), what, volume, other, state, more }
    }

    #[test]
    fn a_wrong_count_and_a_missing_copy_are_told_in_whole_sentences() {
        let count = |given| Objection::Count { number: 3, all: 5, given }.to_string();
        assert_eq!(count(None), "this is about 3 of the 5 nodes");
        assert_eq!(count(Some(2)), "this is about 3 of the 5 nodes, and 2 were counted");
        let holds = "compute2 holds a brick of the volume vm-instances, and compute3, which holds another copy, is";
        for (more, end) in [(0, ""), (1, "; 1 more is missing"), (2, "; 2 more are missing")] {
            assert_eq!(replica("in maintenance".into(), more).to_string(), format!("{holds} in maintenance{end}"));
        }
    }
}
