//! What the blueprint demands of the nodes: known roles, neither too few nor too many providers of each capability, and
//! no name that a role has taken.

use super::node::NodeKeys;
use super::reader::Collector;
use super::site_file::SiteFile;
use crate::site::{Blueprint, Capability, Role};
use crate::words::{quote, suggest};

/// Reports what the blueprint does not allow.
pub(super) fn check(file: &SiteFile<'_>, blueprint: &Blueprint, found: &Collector) {
    for node in &file.nodes {
        let Some(role) = &node.role else {
            if node.lacks_role {
                let first = blueprint.roles.keys().next().map_or("server", String::as_str);
                found.report(
                    node.at.clone(),
                    format!("{} has no `role`", node.place),
                    format!("add `role = \"{first}\"`"),
                );
            }
            continue;
        };
        if !blueprint.roles.contains_key(*role.get_ref()) {
            let message = format!("{} has unknown role {}", node.place, quote(role.get_ref()));
            let mut help = suggest(role.get_ref(), "defined roles", blueprint.roles.keys().map(String::as_str));
            if file.site.as_ref().is_some_and(|site| site.blueprint.is_none()) {
                help.push_str("; a site without `blueprint` is `plain`");
            }
            found.report(role.span(), message, help);
        }
    }
    for (name, capability) in &blueprint.capabilities {
        check_count(file, blueprint, name, capability, found);
    }
    for role in blueprint.roles.values() {
        check_aliases(file, role, found);
    }
}

fn check_count(file: &SiteFile<'_>, blueprint: &Blueprint, name: &str, capability: &Capability, found: &Collector) {
    let roles: Vec<&str> = blueprint.roles_with(name).collect();
    let provides = |node: &&NodeKeys<'_>| node.role.as_ref().is_some_and(|role| roles.contains(role.get_ref()));
    let nodes: Vec<_> = file.nodes.iter().filter(provides).collect();
    // If only one role provides it, people know it by that role.
    let what = match roles.as_slice() {
        [role] => format!("of role `{role}`"),
        _ => format!("that provides `{name}`"),
    };
    if let Some(most) = capability.at_most
        && let (Some(first), Some(extra)) = (nodes.first(), nodes.get(most))
        && let (Some(first), Some(extra_role)) = (&first.role, &extra.role)
    {
        let message = format!("{} is number {} {what}, which at most {most} may have", extra.place, most + 1);
        let others: Vec<&str> =
            blueprint.roles.keys().map(String::as_str).filter(|role| !roles.contains(role)).collect();
        let help = format!("give it another role: {}", others.join(", "));
        found.add(super::Problem::new(extra_role.span(), message, help).also(first.span(), "the first one"));
    }
    // A node whose role could not be read may be the missing one; then that is the mistake to fix first.
    let all_known =
        file.nodes.iter().all(|n| n.role.as_ref().is_some_and(|r| blueprint.roles.contains_key(*r.get_ref())));
    if nodes.len() < capability.at_least
        && all_known
        && let Some(site) = &file.site
    {
        let at = site.blueprint.as_ref().or(site.name.as_ref()).map_or(0..0, toml::Spanned::span);
        let blueprint = &blueprint.name;
        let has = if roles.len() == 1 { format!("has the role `{}`", roles[0]) } else { format!("provides `{name}`") };
        let message = match capability.at_least {
            1 => format!("no node {has}, which blueprint `{blueprint}` needs"),
            n => {
                format!("blueprint `{blueprint}` needs {n} nodes, each of which {has}, and there are {}", nodes.len())
            }
        };
        let help = match roles.first() {
            Some(role) => format!("add a `[[node]]` with `role = \"{role}\"`"),
            None => format!("no role has it: write `provides = [\"{name}\"]` in a `[role.NAME]`"),
        };
        found.report(at, message, help);
    }
}

/// Checks names against aliases. An alias is a second host name of the role's node, so no other node may have it.
fn check_aliases(file: &SiteFile<'_>, role: &Role, found: &Collector) {
    for node in &file.nodes {
        let Some(name) = &node.name else { continue };
        let taken = role.aliases.iter().any(|alias| alias == name.get_ref().as_str());
        if taken && node.role.as_ref().is_none_or(|own| *own.get_ref() != role.name) {
            let message = format!("{} has a name that means the node of role `{}`", node.place, role.name);
            found.report(name.span(), message, "give the node another name");
        }
    }
}
