//! Reads one `[role.NAME]` of a blueprint or of the site file, and gives roles the layouts of the roles they include.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::access;
use super::layout::read_layout;
use super::reader::{Collector, Section};
use crate::site::{Blueprint, Capability, Layout, Role};
use crate::words::{quote, suggest};

const KEYS: [&str; 11] = [
    "summary",
    "includes",
    "aliases",
    "provides",
    "at_least",
    "at_most",
    "layout",
    "default_layout",
    "packages",
    "services",
    "services_off",
];

/// Opens every `[role.NAME]`, which may have `more` keys.
pub(super) fn tables<'a>(top: &Section<'a>, more: &[&str]) -> Vec<(Spanned<&'a str>, Section<'a>)> {
    let Some((_, table)) = top.table("role", "`[role.NAME]`") else { return Vec::new() };
    let keys: Vec<&str> = KEYS.iter().chain(more).copied().collect();
    let mut sections = Vec::new();
    for (name, value) in table.iter() {
        let place = format!("role {}", quote(name.get_ref()));
        match value.get_ref().as_table() {
            Some(role) => {
                let section = Section::open(place, value.span(), role, &keys, top.found);
                sections.push((Spanned::new(name.span(), &**name.get_ref()), section));
            }
            None => top.found.report(value.span(), format!("{place} is not a table"), "write `[role.NAME]`"),
        }
    }
    sections
}

/// Reads one role. What is missing stays empty: the site file may leave out what a blueprint must have.
pub(super) fn read_role(name: &str, section: &Section<'_>) -> Role {
    let texts = |key: &str| section.texts(key).iter().map(|text| text.get_ref().to_string()).collect();
    let text = |key: &str| section.text(key).map(|text| text.into_inner().to_string());
    Role {
        name: name.to_string(),
        includes: texts("includes"),
        aliases: texts("aliases"),
        provides: texts("provides"),
        layouts: read_layouts(section, "`[role.NAME.layout.NAME]`"),
        default_layout: text("default_layout"),
        software: access::software(section),
        summary: text("summary").unwrap_or_default(),
    }
}

/// Reads `at_least` and `at_most` of a role. They count its nodes as providers of a capability with the name of the
/// role.
pub(super) fn count(name: &str, section: &Section<'_>, blueprint: &mut Blueprint) {
    let number = |key: &str| section.number(key, 0..=10_000).map(|number| *number.get_ref() as usize);
    let (at_least, at_most) = (number("at_least"), number("at_most"));
    if at_least.is_none() && at_most.is_none() {
        return;
    }
    let capability = Capability { summary: format!("has the role {name}"), at_least: at_least.unwrap_or(0), at_most };
    blueprint.capabilities.insert(name.to_string(), capability);
    if let Some(role) = blueprint.roles.get_mut(name) {
        role.provides.push(name.to_string());
    }
}

/// Reads every table below `layout`; `example` shows how its heading is written.
pub(super) fn read_layouts(owner: &Section<'_>, example: &str) -> BTreeMap<String, Layout> {
    let Some((_, table)) = owner.table("layout", example) else { return BTreeMap::new() };
    let mut layouts = BTreeMap::new();
    for (name, value) in table.iter() {
        let place = format!("layout {} of {}", quote(name.get_ref()), owner.place);
        let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if !(1..=40).contains(&name.get_ref().len()) || !name.get_ref().chars().all(letters) {
            let message = format!("{} is not a name for a layout", quote(name.get_ref()));
            owner.found.report(name.span(), message, "use up to 40 letters, digits, hyphens, dots and underscores");
            continue;
        }
        match value.get_ref().as_table() {
            Some(layout) => {
                let layout = read_layout(name.get_ref(), place, value.span(), layout, owner.found);
                layouts.extend(layout.map(|layout| (layout.name.clone(), layout)));
            }
            None => owner.found.report(value.span(), format!("{place} is not a table"), format!("write {example}")),
        }
    }
    layouts
}

/// Gives a role without its own layouts those of the roles it includes.
pub(super) fn inherit(name: &str, at: Range<usize>, roles: &mut BTreeMap<String, Role>, found: &Collector) {
    let Some(role) = roles.get(name) else { return };
    let mut inherited = BTreeMap::new();
    for included in &role.includes {
        match roles.get(included) {
            Some(included) => inherited.extend(included.layouts.clone()),
            None => {
                let message = format!("role {} includes unknown role {}", quote(name), quote(included));
                found.report(at.clone(), message, suggest(included, "roles", roles.keys().map(String::as_str)));
            }
        }
    }
    let has_own = !role.layouts.is_empty();
    if !has_own && inherited.is_empty() {
        let help = format!("add `[role.{name}.layout.grow]`, or include a role that has layouts");
        found.report(at, format!("role {} has no layout", quote(name)), help);
    }
    if let Some(role) = roles.get_mut(name)
        && !has_own
    {
        role.layouts = inherited;
    }
}
