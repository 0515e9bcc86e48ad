//! What the cloud would lose: the only node of a needed role, or one more copy of a brick while another is not there.
//!
//! It goes by what was installed, whatever the site file says since. What only GlusterFS knows is asked by draining, see
//! `lifecycle::duty`.

use std::collections::HashSet;

use super::{Objection, Standing, Wish};
use crate::lifecycle::{Stage, State, WipeScope};
use crate::site::{BrickSets, Mac, Node, Site, named_replica};

/// Everything against it, at most two reasons for each node: a large request must not end in a million lines.
///
/// A node that is being drained counts as gone: two that may leave each for itself must not leave together.
pub(super) fn against<'a>(
    site: &Site,
    standing: &dyn Fn(Mac) -> Standing<'a>,
    wish: &Wish<'_>,
    now: u64,
) -> Vec<Objection> {
    let asked: HashSet<Mac> = wish.nodes.iter().map(|node| node.mac).collect();
    let holders = site.nodes.iter().filter(|node| standing(node.mac).has_brick(site, node)).collect();
    let bricks = BrickSets::among(named_replica(site), holders);
    let missing: Vec<(&Node, String)> = bricks
        .members()
        .filter_map(|node| Some((node, why_missing(node, &standing(node.mac), &asked, now)?)))
        .collect();
    let at_work = wish.nodes.iter().filter(|node| holds_an_installation(&standing(node.mac)));
    let both = |node: &&Node| {
        let copy = copy_missing(site, node, bricks.set_of(node), &missing);
        only(site, standing, node, now).into_iter().chain(copy)
    };
    at_work.flat_map(both).collect()
}

/// Whether the disk holds what an installation of ours made, as far as is known. By its state or by what was recorded of the
/// disk, whichever knows more: an attempt that failed before it wrote forgets nothing, and one that kept volume groups kept
/// the brick.
fn holds_an_installation(standing: &Standing<'_>) -> bool {
    (standing.recorded && !is_new_and_empty(standing.state)) || standing.state.system().is_some()
}

/// Whether the storage was made new by an installation that never ended: nobody needs what is in it.
fn is_new_and_empty(state: &State) -> bool {
    match state {
        State::Failed { attempt, during: Stage::Installer, .. } => {
            attempt.attested && attempt.scope != WipeScope::KeepVolumeGroups
        }
        State::Armed { previous: Some(previous), .. } | State::Suspect { previous, .. } => is_new_and_empty(previous),
        _ => false,
    }
}

/// The only node of a role of which the blueprint wants at least one.
fn only<'a>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'a>, node: &Node, now: u64) -> Option<Objection> {
    let own = standing(node.mac);
    let role = site.blueprint.roles.get(own.role(node)).filter(|role| role.at_least > 0)?;
    let others =
        site.nodes.iter().filter(|other| other.mac != node.mac && standing(other.mac).role(other) == role.name);
    let stays = |standing: Standing<'_>| {
        matches!(standing.state, State::Ready { .. }) && !standing.duty.is_some_and(|duty| duty.is_leaving(now))
    };
    let stay = others.filter(|other| stays(standing(other.mac))).count();
    let state = own.state.word();
    (stay < role.at_least).then(|| Objection::Only { node: node.name.clone(), role: role.name.clone(), state })
}

/// Why the copy that a node holds does not count, if so.
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

/// The first other holder of the same data that is not there, or would go with it. Other sets hold other data.
fn copy_missing(site: &Site, node: &Node, set: &[&Node], missing: &[(&Node, String)]) -> Option<Objection> {
    let in_set = |other: &Node| other.mac != node.mac && set.iter().any(|member| member.mac == other.mac);
    let mut others = missing.iter().filter(|(other, _)| in_set(other));
    let (other, state) = others.next()?;
    Some(Objection::Replica {
        node: node.name.clone(),
        volume: site.blueprint.variables.get("volume").cloned().unwrap_or_default(),
        other: other.name.clone(),
        state: state.clone(),
        more: others.count(),
    })
}
