//! Errands: what a node whose system runs is asked to do for the others, and its answers. Each is one line of text on
//! the wire.

use std::fmt;
use std::str::FromStr;

use super::{Duty, DutyEvent, Outcome, Phase};
use crate::lifecycle::State;
use crate::site::{Mac, Node, Site};

/// The longest answer that is kept, in characters.
const LONGEST: usize = 400;

/// What an errand asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Check whether you can leave.
    Leave,
    /// Take the service of a node out.
    Disable,
    /// Put the service of a node back.
    Enable,
}

impl Verb {
    const ALL: [(&'static str, Self); 3] =
        [("leave", Self::Leave), ("disable", Self::Disable), ("enable", Self::Enable)];
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, verb)| verb == self).map_or("", |(word, _)| word))
    }
}

impl FromStr for Verb {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(word, _)| *word == text).map(|(_, verb)| *verb).ok_or(())
    }
}

/// One errand for one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errand {
    /// What is to be done.
    pub verb: Verb,
    /// The id of the drain that it belongs to.
    pub id: String,
    /// The node that it concerns: its name and its MAC.
    pub about: (String, Mac),
}

impl fmt::Display for Errand {
    /// The form on the wire: `disable 5f0c81aa srv2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.id, self.about.0)
    }
}

/// A node's answer to an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandAnswer {
    /// The kind of the errand.
    pub verb: Verb,
    /// The id of its drain.
    pub id: String,
    /// Whether it is done, or may be done.
    pub yes: bool,
    /// What the machine said, in one line.
    pub said: String,
}

impl FromStr for ErrandAnswer {
    type Err = ();
    /// Reads `VERB ID yes|no WORDS…`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let verb = words.next().ok_or(())?.parse()?;
        let id = words.next().ok_or(())?.to_string();
        let yes = match words.next() {
            Some("yes") => true,
            Some("no") => false,
            _ => return Err(()),
        };
        let said = words.collect::<Vec<_>>().join(" ");
        Ok(Self { verb, id, yes, said: said.chars().take(LONGEST).collect() })
    }
}

/// Whether this node is a keeper, which takes services of others out and puts them back.
fn is_keeper(site: &Site, node: &Node) -> bool {
    site.blueprint.drain.as_ref().is_some_and(|drain| site.blueprint.provides(&node.role, &drain.keeper))
}

fn is_served(site: &Site, node: &Node) -> bool {
    site.blueprint.drain.as_ref().is_some_and(|drain| site.blueprint.provides(&node.role, &drain.served))
}

/// Whether a keeper has to take the service of this node out. The keeper must be another node, because the only keeper
/// is not asked for anything while it is about to leave.
pub(super) fn needs_a_keeper(site: &Site, node: &Node) -> bool {
    is_served(site, node) && site.nodes.iter().any(|other| other.mac != node.mac && is_keeper(site, other))
}

/// All errands that are open for `asker` now. A node whose system is not listened to gets none.
pub(crate) fn wanted<'a>(
    site: &Site,
    duty: &dyn Fn(Mac) -> Option<(&'a State, &'a Duty)>,
    asker: &Node,
    now: u64,
) -> Vec<Errand> {
    let Some((_, own)) = duty(asker.mac).filter(|(state, _)| state.heard_system().is_some()) else { return Vec::new() };
    let errand = |verb, id: &str, node: &Node| Errand { verb, id: id.into(), about: (node.name.to_string(), node.mac) };
    let waits = |duty: &Duty, phase| {
        let drain = duty.drain.as_ref().filter(|drain| drain.phase == phase)?;
        matches!(drain.outcome(now), Outcome::Waits(_)).then(|| drain.id.clone())
    };
    let mut all: Vec<Errand> = waits(own, Phase::Asked).map(|id| errand(Verb::Leave, &id, asker)).into_iter().collect();
    if is_keeper(site, asker) {
        for node in site.nodes.iter().filter(|node| node.mac != asker.mac) {
            let Some((state, duty)) = duty(node.mac) else { continue };
            let runs = state.heard_system().is_some();
            let out = waits(duty, Phase::Leaving).filter(|_| runs).map(|id| errand(Verb::Disable, &id, node));
            all.extend(out.or_else(|| duty.wants_back(state, now).map(|out| errand(Verb::Enable, &out.id, node))));
        }
    }
    all
}

/// The effect of an answer, and the node that it concerns. None when nobody waits for it, or when this node may not
/// give it.
pub(crate) fn heard<'a>(
    site: &Site,
    duty: &dyn Fn(Mac) -> Option<(&'a State, &'a Duty)>,
    from: &Node,
    answer: ErrandAnswer,
) -> Option<(Mac, Vec<DutyEvent>)> {
    let knows = |duty: &Duty| match answer.verb {
        Verb::Enable => duty.out.as_ref().is_some_and(|out| out.id == answer.id),
        _ => duty.drain.as_ref().is_some_and(|drain| drain.id == answer.id),
    };
    let about = site.nodes.iter().find(|node| duty(node.mac).is_some_and(|(_, duty)| knows(duty)))?;
    let may = match answer.verb {
        Verb::Leave => about.mac == from.mac,
        Verb::Disable | Verb::Enable => about.mac != from.mac && is_keeper(site, from),
    };
    if !may {
        return None;
    }
    let mut events = Vec::new();
    // A node without such a service is out as soon as it can be spared.
    if answer.verb == Verb::Leave && answer.yes && !needs_a_keeper(site, about) {
        let said = "it has no service that must be taken out".into();
        events.push(DutyEvent::Answered(ErrandAnswer { verb: Verb::Disable, said, ..answer.clone() }));
    }
    events.insert(0, DutyEvent::Answered(answer));
    Some((about.mac, events))
}
