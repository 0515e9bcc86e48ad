//! What the cloud would lose: the only node of a needed role, or one more copy of data of which another copy is already
//! missing.
//!
//! The decision follows what was installed, whatever the site file has said since. Facts that only the nodes know are
//! asked for by draining; see `lifecycle::duty`.

use std::collections::HashSet;

use super::{Objection, Standing, Wish};
use crate::lifecycle::{Stage, State, WipeScope};
use crate::site::{CopySets, Mac, Node, Site};

/// Every objection of this kind, at most two for each node: a large request must not end in a million lines.
///
/// A node that is being drained counts as gone, because two nodes that may leave one at a time must not leave together.
pub(super) fn against<'a>(
    site: &Site,
    standing: &dyn Fn(Mac) -> Standing<'a>,
    wish: &Wish<'_>,
    now: u64,
) -> Vec<Objection> {
    let asked: HashSet<Mac> = wish.nodes.iter().map(|node| node.mac).collect();
    let holders = site.nodes.iter().filter(|node| standing(node.mac).has_copy(site, node)).collect();
    let copies = CopySets::among(site, holders);
    let missing: Vec<(&Node, String)> = copies
        .members()
        .filter_map(|node| Some((node, why_missing(node, &standing(node.mac), &asked, now)?)))
        .collect();
    let at_work = wish.nodes.iter().filter(|node| holds_an_installation(&standing(node.mac)));
    let both = |node: &&Node| {
        let copy = copy_missing(site, node, copies.set_of(node), &missing);
        only(site, standing, node, now).into_iter().chain(copy)
    };
    at_work.flat_map(both).collect()
}

/// Whether the disk holds one of our installations, as far as is known. The state or the record of the disk decides,
/// whichever knows more: an attempt that failed before it wrote erases nothing, and one that kept volume groups kept
/// its copy.
fn holds_an_installation(standing: &Standing<'_>) -> bool {
    (standing.recorded && !is_new_and_empty(standing.state)) || standing.state.system().is_some()
}

/// Whether the storage was created by an installation that never finished, so that nobody needs what is in it.
fn is_new_and_empty(state: &State) -> bool {
    match state {
        State::Failed { attempt, during: Stage::Installer, .. } => {
            attempt.attested && attempt.scope != WipeScope::KeepVolumeGroups
        }
        State::Armed { previous: Some(previous), .. } | State::Suspect { previous, .. } => is_new_and_empty(previous),
        _ => false,
    }
}

/// The objection to arming the only node that provides something of which the blueprint wants at least one.
fn only<'a>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'a>, node: &Node, now: u64) -> Option<Objection> {
    let own = standing(node.mac);
    let blueprint = &site.blueprint;
    let provided = blueprint.capabilities_of(own.role(node)).into_iter();
    let needed = provided.filter_map(|name| Some((name, blueprint.capabilities.get(name)?.at_least)));
    let stays = |standing: Standing<'_>| {
        matches!(standing.state, State::Ready { .. }) && !standing.duty.is_some_and(|duty| duty.is_leaving(now))
    };
    let stay = |name: &str| {
        let others = site.nodes.iter().filter(|other| other.mac != node.mac);
        let provide = others.filter(|other| blueprint.provides(standing(other.mac).role(other), name));
        provide.filter(|other| stays(standing(other.mac))).count()
    };
    let mut missing = needed.filter(|(name, at_least)| stay(name) < *at_least);
    let capability = missing.next()?.0.to_string();
    Some(Objection::Only { node: node.name.clone(), capability, state: own.state.word() })
}

/// Why the copy that a node holds does not count, if it does not.
fn why_missing(node: &Node, standing: &Standing<'_>, asked: &HashSet<Mac>, now: u64) -> Option<String> {
    let Standing { state, flags, duty, .. } = standing;
    match state {
        _ if asked.contains(&node.mac) => Some("in the same request".into()),
        _ if flags.maintenance => Some("in maintenance".into()),
        State::Ready { .. } if duty.is_some_and(|duty| duty.is_leaving(now)) => {
            Some("drained, or being drained".into())
        }
        State::Ready { .. } => None,
        other => Some(other.word().into()),
    }
}

/// The first other holder of the same data that is unavailable, or would become so with this request. Other sets hold
/// other data.
fn copy_missing(site: &Site, node: &Node, set: &[&Node], missing: &[(&Node, String)]) -> Option<Objection> {
    let rule = site.blueprint.copies.as_ref()?;
    let in_set = |other: &Node| other.mac != node.mac && set.iter().any(|member| member.mac == other.mac);
    let mut others = missing.iter().filter(|(other, _)| in_set(other));
    let (other, state) = others.next()?;
    Some(Objection::Replica {
        node: node.name.clone(),
        what: rule.of.clone(),
        volume: site.blueprint.variable(&rule.volume).unwrap_or_default().to_string(),
        other: other.name.clone(),
        state: state.clone(),
        more: others.count(),
    })
}
