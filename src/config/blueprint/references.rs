//! Checks that the names which a blueprint uses exist in it: variables, capabilities, roles, names for the steps.

use std::collections::BTreeMap;

use super::super::reader::Section;
use crate::site::{Blueprint, Caller};
use crate::words::{quote, suggest};

/// Reports every name that does not exist, and every name for the steps that two things share.
pub(super) fn check(blueprint: &Blueprint, top: &Section<'_>) {
    for (place, name) in capabilities(blueprint) {
        if !blueprint.capabilities.contains_key(name) {
            let help = suggest(name, "capabilities", blueprint.capabilities.keys().map(String::as_str));
            top.found.report(top.at.clone(), format!("{place} names the unknown capability {}", quote(name)), help);
        }
    }
    for (place, name) in variables(blueprint) {
        if !blueprint.variables.contains_key(name) {
            let help = suggest(name, "variables", blueprint.variables.keys().map(String::as_str));
            top.found.report(top.at.clone(), format!("{place} names the unknown variable {}", quote(name)), help);
        }
    }
    if let Some(role) = blueprint.default_role.as_ref().filter(|role| !blueprint.roles.contains_key(*role)) {
        let help = suggest(role, "roles", blueprint.roles.keys().map(String::as_str));
        top.found.report(top.at.clone(), format!("`default_role` is the unknown role {}", quote(role)), help);
    }
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (what, name) in names_for_steps(blueprint) {
        if let Some(other) = taken.insert(name.to_lowercase(), what) {
            let message = format!("{} is the name of {what} and of {other}", quote(&name));
            top.found.report(top.at.clone(), message, "give one of them another name: the steps know both by it");
        }
    }
}

fn capabilities(blueprint: &Blueprint) -> impl Iterator<Item = (String, &str)> {
    let roles = blueprint.roles.values();
    let of_roles =
        roles.flat_map(|role| role.provides.iter().map(|name| (format!("role `{}`", role.name), name.as_str())));
    let lists = blueprint.nodes.iter().map(|(name, list)| (format!("nodes `{name}`"), list.provide.as_str()));
    let copies = blueprint.copies.iter().map(|copies| ("`[copies]`".to_string(), copies.of.as_str()));
    let drain = blueprint.drain.iter().flat_map(|drain| [&drain.served, &drain.keeper]);
    let images = blueprint.tree_images.iter().map(|image| ("a tree image".to_string(), image.of.as_str()));
    let sentences = blueprint
        .sentences
        .iter()
        .filter_map(|sentence| Some((sentence.about.clone(), sentence.of.as_deref().or(sentence.not_of.as_deref())?)));
    of_roles
        .chain(lists)
        .chain(copies)
        .chain(drain.map(|name| ("`[drain]`".to_string(), name.as_str())))
        .chain(images)
        .chain(sentences.map(|(about, of)| (format!("the sentence about {about}"), of)))
}

fn variables(blueprint: &Blueprint) -> impl Iterator<Item = (String, &str)> {
    let copies = blueprint.copies.iter().flat_map(|copies| [&copies.volume, &copies.mount, &copies.number]);
    let trial = blueprint.trial.iter().flat_map(|trial| [&trial.variable, &trial.image]);
    let callers = blueprint.callers.iter().flat_map(|(word, caller)| {
        let names = match caller {
            Caller::Network(name) | Caller::Bridge(name) => vec![name],
            Caller::Bridges { first, count, .. } => vec![first, count],
        };
        names.into_iter().map(move |name| (format!("caller `{word}`"), name.as_str()))
    });
    let images = blueprint.tree_images.iter().flat_map(|image| {
        let name = image.is_variable.then_some(&image.name);
        name.into_iter().chain([&image.file])
    });
    copies
        .map(|name| ("`[copies]`".to_string(), name.as_str()))
        .chain(trial.map(|name| ("`[trial]`".to_string(), name.as_str())))
        .chain(callers)
        .chain(images.map(|name| ("a tree image".to_string(), name.as_str())))
        .chain(blueprint.networks.iter().map(|name| ("`networks`".to_string(), name.as_str())))
}

fn names_for_steps(blueprint: &Blueprint) -> impl Iterator<Item = (&'static str, String)> {
    let of = |what: &'static str| move |name: &String| (what, name.clone());
    blueprint
        .variables
        .keys()
        .map(of("a variable"))
        .chain(blueprint.nodes.keys().map(of("a list of nodes")))
        .chain(blueprint.callers.keys().map(|word| ("a caller", Caller::variable(word))))
        .chain(blueprint.keepsakes.keys().map(of("a keepsake")))
        .chain(blueprint.copies.iter().map(|copies| ("the holders of copies", copies.members.clone())))
        .chain(blueprint.secrets.keys().map(of("a secret")))
        .chain(crate::render::FACTS_OF_NODES.into_iter().map(|name| ("a fact of the node", name.to_string())))
}
