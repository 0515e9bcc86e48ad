//! What the cloud would lose: the only node of a needed role, or one more copy of a brick while another is not there.
//!
//! It goes by what rackstart knows. It does not ask GlusterFS, and cannot: nodes have no channel for commands.

use super::{Refusal, Standing, Wish};
use crate::lifecycle::{Stage, State};
use crate::site::{Mac, Node, PartitionUse, Site};

/// Everything against it.
pub(super) fn against<'a>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'a>, wish: &Wish<'_>) -> Vec<Refusal> {
    let is_asked = |node: &Node| wish.nodes.iter().any(|asked| asked.mac == node.mac);
    let at_work = wish.nodes.iter().filter(|node| holds_an_installation(standing(node.mac).state));
    at_work
        .flat_map(|node| only(site, standing, node).into_iter().chain(copies(site, standing, node, &is_asked)))
        .collect()
}

/// Whether the disk holds what an installation of ours made, as far as is known.
fn holds_an_installation(state: &State) -> bool {
    match state {
        State::Firstboot { .. } | State::Ready { .. } | State::Failed { during: Stage::Firstboot, .. } => true,
        State::Armed { previous: Some(previous), .. } | State::Suspect { previous, .. } => {
            holds_an_installation(previous)
        }
        _ => false,
    }
}

/// The only node of a role of which the blueprint wants at least one.
fn only<'a>(site: &Site, standing: &dyn Fn(Mac) -> Standing<'a>, node: &Node) -> Option<Refusal> {
    let role = site.blueprint.roles.get(&node.role).filter(|role| role.at_least > 0)?;
    let others = site.nodes.iter().filter(|other| other.role == node.role && other.mac != node.mac);
    let stay = others.filter(|other| matches!(standing(other.mac).state, State::Ready { .. })).count();
    let state = standing(node.mac).state.word();
    (stay < role.at_least).then(|| Refusal::Only { node: node.name.clone(), role: role.name.clone(), state })
}

/// Every other holder of the same data that is not there, or would go with it.
fn copies<'a>(
    site: &Site,
    standing: &dyn Fn(Mac) -> Standing<'a>,
    node: &Node,
    is_asked: &dyn Fn(&Node) -> bool,
) -> Vec<Refusal> {
    let set: Vec<&Node> = replica_set(site).collect();
    if !set.iter().any(|holder| holder.mac == node.mac) {
        return Vec::new();
    }
    let volume = site.blueprint.variables.get("volume").cloned().unwrap_or_default();
    let missing = set.into_iter().filter(|other| other.mac != node.mac).filter_map(|other| {
        let Standing { state, flags, .. } = standing(other.mac);
        let why = match state {
            _ if is_asked(other) => "in the same request".into(),
            _ if flags.maintenance => "in maintenance".into(),
            State::Ready { .. } => return None,
            other => other.word().to_string(),
        };
        Some((other, why))
    });
    let refusal = |(other, state): (&Node, String)| Refusal::Replica {
        node: node.name.clone(),
        volume: volume.clone(),
        other: other.name.clone(),
        state,
    };
    missing.map(refusal).collect()
}

/// The nodes whose bricks are copies of each other. The blueprint makes one set of all of them: its volume has as many
/// replicas as there are nodes with the target `compute`.
fn replica_set(site: &Site) -> impl Iterator<Item = &Node> {
    site.nodes_with_target("compute").filter(|node| has_brick(site, node))
}

fn has_brick(site: &Site, node: &Node) -> bool {
    let Some(brick) = site.blueprint.variables.get("brick_mount") else { return false };
    let volumes = node.layout.volume_groups.iter().flat_map(|group| &group.logical_volumes);
    let partitions = node.layout.partitions.iter().filter_map(|partition| match &partition.purpose {
        PartitionUse::Mount { path, .. } => Some(path),
        _ => None,
    });
    volumes.filter_map(|volume| volume.mount.as_ref()).chain(partitions).any(|mount| mount == brick)
}
