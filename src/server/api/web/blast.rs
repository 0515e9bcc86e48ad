//! What others would lose with nodes that are wiped: their sets of copies and the capabilities that they provide. What
//! was installed counts, as it does for the guard that decides.

use super::Api;
use crate::site::{CopySets, Node, Site, holds_copy};
use crate::store::Record;
use crate::web::{Member, Shared};

/// The sets and capabilities that the nodes of these names are part of. With `keeps`, their copies stay.
pub(super) fn of(api: &Api, names: &[&str], keeps: bool) -> Vec<Shared> {
    let site = api.appliance.site();
    let site = &*site;
    api.appliance.store.look(|memory| {
        let record = |node: &Node| memory.record(node.mac);
        let goes = |node: &Node| names.contains(&node.name.as_str());
        let member = |node: &Node| Member {
            name: node.name.to_string(),
            state: record(node).map_or("new", |record| record.state.word()).into(),
            goes: goes(node),
        };
        // A node that was never installed gives nothing yet.
        let wiped: Vec<&Node> = site.nodes.iter().filter(|node| goes(node) && is_installed(record(node))).collect();
        let mut rows = Vec::new();
        let holders = site.nodes.iter().filter(|node| has_copy(site, node, record(node))).collect();
        let copies = CopySets::among(site, holders);
        for (n, set) in copies.sets.iter().enumerate().filter(|_| !keeps) {
            if set.iter().any(|node| wiped.iter().any(|gone| gone.mac == node.mac)) {
                let members = set.iter().map(|node| member(node)).collect();
                rows.push(Shared { what: format!("copies, set {}", n + 1), members, needed: 1, is_copy: true });
            }
        }
        for (name, capability) in &site.blueprint.capabilities {
            let provides = |node: &&Node| site.blueprint.provides(role(node, record(node)), name);
            if wiped.iter().any(provides) {
                let members = site.nodes.iter().filter(provides).map(member).collect();
                let what = if capability.summary.is_empty() { name.clone() } else { capability.summary.clone() };
                rows.push(Shared { what, members, needed: capability.at_least, is_copy: false });
            }
        }
        rows
    })
}

fn is_installed(record: Option<&Record>) -> bool {
    record.is_some_and(|record| record.installed.is_some() || record.state.system().is_some())
}

/// The role that the installed system plays.
fn role<'a>(node: &'a Node, record: Option<&'a Record>) -> &'a str {
    let installed = record.and_then(|record| record.installed_as.as_ref());
    installed.map_or(node.role.as_str(), |installed| installed.role.as_str())
}

fn has_copy(site: &Site, node: &Node, record: Option<&Record>) -> bool {
    match record.and_then(|record| record.installed_as.as_ref()) {
        Some(installed) => installed.copy.is_some(),
        None => holds_copy(site, node).is_some(),
    }
}
