//! What the blueprint asks of the nodes: known roles, enough of each and not too many, no name that a role has taken.

use super::file::File;
use super::reader::Found;
use super::words::{quote, suggest};
use crate::site::{Blueprint, Role};

/// Reports what the blueprint does not allow.
pub(super) fn check(file: &File<'_>, blueprint: &Blueprint, found: &Found) {
    for node in &file.nodes {
        if let Some(role) = &node.role
            && !blueprint.roles.contains_key(*role.get_ref())
        {
            let message = format!("{} has unknown role {}", node.place, quote(role.get_ref()));
            let help = suggest(role.get_ref(), "defined roles", blueprint.roles.keys().map(String::as_str));
            found.report(role.span(), message, help);
        }
    }
    for role in blueprint.roles.values() {
        check_count(file, blueprint, role, found);
        check_aliases(file, role, found);
    }
}

fn check_count(file: &File<'_>, blueprint: &Blueprint, role: &Role, found: &Found) {
    let of_role = |name: &str| name == role.name;
    let nodes: Vec<_> =
        file.nodes.iter().filter(|node| node.role.as_ref().is_some_and(|r| of_role(r.get_ref()))).collect();
    if let Some(most) = role.at_most
        && let (Some(first), Some(extra)) = (nodes.first(), nodes.get(most))
        && let (Some(first), Some(extra_role)) = (&first.role, &extra.role)
    {
        let message =
            format!("{} is number {} of role `{}`, which at most {most} may have", extra.place, most + 1, role.name);
        let others = blueprint.roles.keys().filter(|name| **name != role.name).map(String::as_str);
        let help = format!("give it another role: {}", others.collect::<Vec<_>>().join(", "));
        found.add(super::Problem::new(extra_role.span(), message, help).also(first.span(), "the first one"));
    }
    // A node whose role could not be read may be the missing one; then that is the mistake to fix first.
    let all_known =
        file.nodes.iter().all(|n| n.role.as_ref().is_some_and(|r| blueprint.roles.contains_key(*r.get_ref())));
    if nodes.len() < role.at_least
        && all_known
        && let Some(at) = file.site.as_ref().and_then(|site| site.blueprint.as_ref()).map(toml::Spanned::span)
    {
        let message = match role.at_least {
            1 => format!("no node has the role `{}`, which blueprint `{}` needs", role.name, blueprint.name),
            n => format!(
                "{} of {n} nodes have the role `{}` that blueprint `{}` needs",
                nodes.len(),
                role.name,
                blueprint.name
            ),
        };
        found.report(at, message, format!("add a `[[node]]` with `role = \"{}\"`", role.name));
    }
}

/// An alias is a second host name of the role's node, so no other node may be called so.
fn check_aliases(file: &File<'_>, role: &Role, found: &Found) {
    for node in &file.nodes {
        let Some(name) = &node.name else { continue };
        let taken = role.aliases.iter().any(|alias| alias == name.get_ref().as_str());
        if taken && node.role.as_ref().is_none_or(|own| *own.get_ref() != role.name) {
            let message = format!("{} has a name that means the node of role `{}`", node.place, role.name);
            found.report(name.span(), message, "give the node another name");
        }
    }
}
