//! How much may be armed at once: one pure decision. Site, states and the request in; what is armed now, what has to wait,
//! or every reason against it out.

mod objection;
mod replicas;

pub(crate) use objection::Objection;

use super::{Duty, Flags, InstalledAs, Outcome, State, Stopped, WipeScope};
use crate::site::{Mac, Node, Site};

/// So many nodes need no count, unless they are more than a tenth of the site.
pub(crate) const FEW: usize = 5;

/// A network card of the machine that rackstart runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnCard {
    /// What this machine calls it.
    pub interface: String,
    /// Its MAC.
    pub mac: Mac,
}

/// Where a node stands, as far as this decision goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// Its state.
    pub state: &'a State,
    /// What an operator said about it.
    pub flags: Flags,
    /// Unix seconds of its last arming that could cost data.
    pub armed_to_wipe: Option<u64>,
    /// Whether it is on duty; none when it never was.
    pub duty: Option<&'a Duty>,
    /// Whether the storage of an installation is recorded that no attempt has wiped since.
    pub recorded: bool,
    /// What that installation made of it; none when nothing is recorded, and then the site file is believed.
    pub installed_as: Option<&'a InstalledAs>,
}

impl Standing<'_> {
    /// The role that its system plays.
    fn role<'a>(&'a self, node: &'a Node) -> &'a str {
        self.installed_as.map_or(node.role.as_str(), |installed| installed.role.as_str())
    }

    /// Whether it holds a copy of what the nodes share, or will when it is installed.
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
    /// Which nodes, each once.
    pub nodes: Vec<&'a Node>,
    /// What their permits shall allow.
    pub scope: WipeScope,
    /// How many nodes the operator believes this is.
    pub count: Option<usize>,
    /// Whether a reason was given to overrule what may be overruled.
    pub forced: bool,
    /// What a node at work in the cloud needs before.
    pub drain: DrainRule,
}

/// What is asked of a node whose system runs, before it is wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainRule {
    /// To be drained; or to be out of reach, unless it is ready.
    Needed,
    /// Nothing yet: it will be drained, or a reason was given not to.
    Nothing,
}

/// The rest of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now<'a> {
    /// Unix seconds.
    pub time: u64,
    /// Set while all installations are stopped.
    pub stopped: Option<&'a Stopped>,
    /// The cards of this machine.
    pub own: &'a [OwnCard],
}

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed<'a> {
    /// These are armed now.
    pub now: Vec<&'a Node>,
    /// These are too many for this minute.
    pub later: Vec<&'a Node>,
    /// In so many seconds there is room again; 0 when nothing has to wait.
    pub again_in: u64,
}

/// Decides. Every reason against it at once; nothing is armed when there is one.
pub(crate) fn judge<'a, 's>(
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

/// Whether so many nodes of a site need their exact count: more than [`FEW`], or more than one that are over a tenth.
pub(crate) fn needs_count(number: usize, all: usize) -> bool {
    number > FEW || (number > 1 && number * 10 > all)
}

/// What no reason overrules.
fn never(node: &Node, standing: &Standing<'_>, own: &[OwnCard]) -> Option<Objection> {
    let name = node.name.clone();
    let mine = own.iter().find(|card| node.mac == card.mac || node.nics.iter().any(|nic| nic.mac == card.mac));
    if let Some(card) = mine {
        return Some(Objection::Own { node: name, card: card.clone() });
    }
    match (standing.flags, standing.state) {
        (Flags { protected: true, .. }, _) => Some(Objection::Protected(name)),
        (Flags { maintenance: true, .. }, _) => Some(Objection::Maintenance(name)),
        (_, State::Suspect { why, .. }) => Some(Objection::Suspect { node: name, why: why.clone() }),
        (_, State::Installing { .. }) => Some(Objection::Installing(name)),
        _ => None,
    }
}

/// Whether a node can be asked to leave: its system may run and hold a copy, whether its steps are done or not.
pub(crate) fn can_be_drained(state: &State) -> bool {
    state.heard_system().is_some()
}

/// Silence is no consent where the cloud runs: a node that was ready may only be cut off from here, and serve all the same. One
/// whose steps are not done may well be dead, and is reimaged for that. One that is armed is not heard: what it said before it
/// was armed does not become newer by arming it again.
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

/// As many as the limit leaves room for, in the order of the wish.
fn within_rate<'a, 's>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'s>, wish: &Wish<'a>, time: u64) -> Allowed<'a> {
    if !wish.scope.wipes() {
        return Allowed { now: wish.nodes.clone(), later: Vec::new(), again_in: 0 };
    }
    // A clock that was set back must not open the limit: what lies in the future counts too.
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
