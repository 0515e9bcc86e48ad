//! The order in which nodes take newer payloads. Pure.
//!
//! A password is changed where it is kept (the first of its steps says where) and used elsewhere. The node that keeps
//! it goes last: by then its users have the new value in their files, wait for it to become valid, and restart with it
//! within seconds. In the opposite order they would be locked out until they next ask for errands.

use std::collections::HashMap;

use crate::site::{Mac, Node, NodeName, Site};

/// A node that has not asked for this many seconds is not waited for.
const AWAKE: u64 = 90;
/// No node is waited for longer than this many seconds: one that cannot take its payload must not hold up the others
/// for ever.
const PATIENCE: u64 = 600;

/// What a node last said about its payload. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The digest of the payload that the node has.
    pub digest: String,
    /// When it last asked for errands.
    pub asked: u64,
    /// Since when it has been held back for others.
    pub held: Option<u64>,
}

/// The node that has to take its payload first, if there is one. `wanted` is the digest that a node should have.
/// `heard_since` is when nodes could begin to say what they have: soon after a start, nothing is known of those that
/// have not asked yet.
pub(crate) fn held_back(
    site: &Site,
    node: &Node,
    told: &HashMap<Mac, Told>,
    wanted: &mut dyn FnMut(&Node) -> Option<String>,
    (heard_since, now): (u64, u64),
) -> Option<NodeName> {
    let targets = site.blueprint.targets(&node.role);
    let kept: Vec<&[String]> = site
        .blueprint
        .secrets
        .values()
        .filter(|secret| secret.steps.first().is_some_and(|step| targets.iter().any(|target| is_of(step, target))))
        .map(|secret| secret.targets.as_slice())
        .collect();
    let uses = |other: &Node| {
        let targets = site.blueprint.targets(&other.role);
        kept.iter().any(|users| users.iter().any(|user| targets.contains(user)))
    };
    let behind = |other: &Node, told: &Told, wanted: Option<String>| {
        other.role != node.role && wanted.is_some_and(|wanted| wanted != told.digest)
    };
    let mut others = site.nodes.iter().filter(|other| other.mac != node.mac && uses(other));
    let is_new = now.abs_diff(heard_since) <= AWAKE;
    let mut goes_first = |other: &&Node| match told.get(&other.mac) {
        Some(told) => now.abs_diff(told.asked) <= AWAKE && behind(other, told, wanted(other)),
        None => is_new && other.role != node.role,
    };
    let first = others.find(|other| goes_first(other))?;
    let waited = told.get(&node.mac).and_then(|own| own.held).map_or(0, |held| now.abs_diff(held));
    (waited <= PATIENCE).then(|| first.name.clone())
}

/// Whether a step such as `07-database-server/03-start` is for this target.
fn is_of(step: &str, target: &str) -> bool {
    step.split('/').next().and_then(|folder| folder.rsplit('-').next()) == Some(target)
}
