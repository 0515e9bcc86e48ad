//! How much may be armed at once: one pure decision. It takes the site, the states and the request, and returns what is
//! armed now and what has to wait, or else every reason against it.

mod objection;
mod replicas;

pub(crate) use objection::Objection;

use super::{Duty, Flags, InstalledAs, Outcome, State, Stopped, WipeScope};
use crate::site::{Mac, Node, Site};

/// Up to this many nodes need no `--count`, unless they are more than a tenth of the site.
pub(crate) const FEW: usize = 5;

/// A network card of the machine that rackstart runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnCard {
    /// The name of its interface on this machine.
    pub interface: String,
    pub mac: Mac,
}

/// What the decision needs to know about a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub state: &'a State,
    /// The flags that an operator set.
    pub flags: Flags,
    /// When it was last armed in a way that could cost data, in Unix seconds.
    pub armed_to_wipe: Option<u64>,
    /// Its record of drains; none when it was never drained.
    pub duty: Option<&'a Duty>,
    /// Whether the storage of an installation is recorded that no later attempt has wiped.
    pub recorded: bool,
    /// How that installation left the node; none when nothing is recorded, and then the site file is believed.
    pub installed_as: Option<&'a InstalledAs>,
}

impl Standing<'_> {
    /// The role that the installed system plays.
    fn role<'a>(&'a self, node: &'a Node) -> &'a str {
        self.installed_as.map_or(node.role.as_str(), |installed| installed.role.as_str())
    }

    /// Whether the node holds a copy of shared data, or will when it is installed.
    fn has_copy(&self, site: &Site, node: &Node) -> bool {
        match self.installed_as {
            Some(installed) => installed.copy.is_some(),
            None => crate::site::holds_copy(site, node).is_some(),
        }
    }
}

/// What an operator wants to arm.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    /// The nodes, each once.
    pub nodes: Vec<&'a Node>,
    /// The scope of their permits.
    pub scope: WipeScope,
    /// How many nodes the operator expects this to be.
    pub count: Option<usize>,
    /// Whether a reason was given that overrules the objections that can be overruled.
    pub forced: bool,
    /// What a node at work in the cloud needs before it is armed.
    pub drain: DrainRule,
}

/// What is demanded of a node whose system runs before it is wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainRule {
    /// The node must be drained, or out of reach unless it is ready.
    Needed,
    /// Nothing: the node will be drained later, or a reason was given not to drain it.
    Nothing,
}

/// The circumstances beside the nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now<'a> {
    /// The time in Unix seconds.
    pub time: u64,
    /// Set while all installations are stopped.
    pub stopped: Option<&'a Stopped>,
    /// The network cards of the machine that rackstart runs on.
    pub own: &'a [OwnCard],
}

/// The outcome when there is no objection to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed<'a> {
    /// The nodes to arm now.
    pub now: Vec<&'a Node>,
    /// The nodes that exceed the limit of this minute.
    pub later: Vec<&'a Node>,
    /// After how many seconds there is room for more; 0 when nothing has to wait.
    pub again_in: u64,
}

/// Decides which nodes are armed. It reports every objection at once, and arms nothing when there is one.
pub(crate) fn decide_arming<'a, 's>(
    site: &Site,
    standing: &dyn Fn(Mac) -> Standing<'s>,
    wish: &Wish<'a>,
    now: Now<'_>,
) -> Result<Allowed<'a>, Vec<Objection>> {
    let mut against: Vec<Objection> = now.stopped.map(Objection::stopped).into_iter().collect();
    for node in &wish.nodes {
        against.extend(never(node, &standing(node.mac), now.own));
    }
    if wish.scope.wipes() {
        let (number, all) = (wish.nodes.len(), site.nodes.len());
        let wrong = wish.count.map_or(needs_count(number, all), |count| count != number);
        if wrong {
            against.push(Objection::Count { number, all, given: wish.count });
        }
        if !wish.forced {
            against.extend(replicas::against(site, standing, wish, now.time));
        }
        if wish.drain == DrainRule::Needed {
            against.extend(wish.nodes.iter().filter_map(|node| not_drained(node, &standing(node.mac), now.time)));
        }
    }
    if against.is_empty() { Ok(within_rate(site, standing, wish, now.time)) } else { Err(against) }
}

/// Whether this many of a site's nodes need their exact count: more than [`FEW`], or at least two that make up over a
/// tenth.
pub(crate) fn needs_count(number: usize, all: usize) -> bool {
    number > FEW || (number > 1 && number * 10 > all)
}

/// The objection that no reason overrules, if there is one.
fn never(node: &Node, standing: &Standing<'_>, own: &[OwnCard]) -> Option<Objection> {
    let name = node.name.clone();
    hands_off(node, standing.flags, own).or_else(|| match standing.state {
        State::Suspect { why, .. } => Some(Objection::Suspect { node: name, why: why.clone() }),
        State::Installing { .. } => Some(Objection::Installing(name)),
        _ => None,
    })
}

/// The objection to whatever could stop a node, if there is one: it is this machine, or an operator said so.
pub(crate) fn hands_off(node: &Node, flags: Flags, own: &[OwnCard]) -> Option<Objection> {
    let name = node.name.clone();
    let mine = own.iter().find(|card| node.mac == card.mac || node.nics.iter().any(|nic| nic.mac == card.mac));
    match (mine, flags) {
        (Some(card), _) => Some(Objection::Own { node: name, card: card.clone() }),
        (_, Flags { protected: true, .. }) => Some(Objection::Protected(name)),
        (_, Flags { maintenance: true, .. }) => Some(Objection::Maintenance(name)),
        _ => None,
    }
}

/// Whether a node can be asked to leave: its system may run and hold a copy, whether or not its steps are done.
pub(crate) fn can_be_drained(state: &State) -> bool {
    state.heard_system().is_some()
}

/// The objection to a node that was not drained. Silence is not consent while the cloud runs: a node that was ready may
/// only be cut off from here and still serve. One whose steps are not done may well be dead, which is a reason to
/// reimage it. An armed node is not listened to: what it reported before it was armed becomes no newer by arming it
/// again.
fn not_drained(node: &Node, standing: &Standing<'_>, now: u64) -> Option<Objection> {
    let outcome = standing.duty.map_or(Outcome::None, |duty| duty.outcome(now));
    match &outcome {
        _ if standing.state.system().is_none() => return None,
        Outcome::Drained(_) => return None,
        Outcome::Unreached(_) if !matches!(standing.state, State::Ready { .. }) => return None,
        _ => {}
    }
    let why = match can_be_drained(standing.state) {
        true => outcome.text().to_string(),
        false => {
            format!("it is {}, and is asked anew when that is taken back: `rackstart disarm`", standing.state.word())
        }
    };
    Some(Objection::NotDrained { node: node.name.clone(), why })
}

/// Length of the window of the wipe limit, in seconds.
const MINUTE: u64 = 60;

/// As many nodes as the limit leaves room for, in the order of the request.
fn within_rate<'a, 's>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'s>, wish: &Wish<'a>, time: u64) -> Allowed<'a> {
    if !wish.scope.wipes() {
        return Allowed { now: wish.nodes.clone(), later: Vec::new(), again_in: 0 };
    }
    // A clock that was set back must not open the limit, so armings in the future count too.
    let armings = site.nodes.iter().filter_map(|node| standing(node.mac).armed_to_wipe);
    let mut lately: Vec<u64> = armings.filter(|at| at.abs_diff(time) < MINUTE).collect();
    lately.sort_unstable();
    let room = (site.server.wipes_per_minute as usize).saturating_sub(lately.len());
    let (now, later) = wish.nodes.split_at(room.min(wish.nodes.len()));
    let oldest = lately.first().copied().unwrap_or(time);
    let again_in = if later.is_empty() { 0 } else { (oldest + MINUTE).saturating_sub(time).clamp(1, MINUTE) };
    Allowed { now: now.to_vec(), later: later.to_vec(), again_in }
}

#[cfg(test)]
mod tests;
