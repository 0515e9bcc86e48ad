//! What the site file adds to its blueprint: layouts for every role, changed roles, and the operator's own roles.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::defaults::{self, Defaults};
use super::reader::{Collector, Section};
use super::role::{self, read_layouts, read_role, tables};
use crate::site::{Blueprint, Layout, NodeName, Role};
use crate::words::{quote, suggest};

/// The `[layout.NAME]` and `[role.NAME]` of a site file, as written.
pub(super) struct OwnKeys<'a> {
    layouts: BTreeMap<String, Layout>,
    roles: Vec<OwnRole<'a>>,
    /// Whether a mistake was found in these sections.
    pub has_problems: bool,
    /// Where each layout is written, by role and name; the role is empty for layouts of every role.
    places: BTreeMap<(String, String), Range<usize>>,
}

struct OwnRole<'a> {
    name: Spanned<&'a str>,
    section: Section<'a>,
    role: Role,
    /// The values for its nodes that set none themselves.
    defaults: Defaults<'a>,
    /// What its nodes are made of, if not of packages.
    container: Option<Spanned<&'a str>>,
}

/// What a role of the site file may say, and one of a blueprint may not.
const OF_SITES: [&str; 7] = [
    defaults::KEYS[0],
    defaults::KEYS[1],
    defaults::KEYS[2],
    defaults::KEYS[3],
    defaults::KEYS[4],
    defaults::KEYS[5],
    "container",
];

/// What only a role of the operator's own may say; the blueprint says it for its roles.
const OF_NEW_ROLES: [&str; 6] = ["summary", "includes", "aliases", "provides", "at_least", "at_most"];

impl<'a> OwnKeys<'a> {
    /// Reads both sections.
    pub(crate) fn read(top: &Section<'a>) -> Self {
        let before = top.found.count();
        let mut places = BTreeMap::new();
        let layouts = read_layouts(top, "`[layout.NAME]`");
        note_places(&mut places, "", top, &layouts);
        let mut roles = Vec::new();
        for (name, section) in tables(top, &OF_SITES) {
            let role = read_role(name.get_ref(), &section);
            note_places(&mut places, name.get_ref(), &section, &role.layouts);
            let defaults = Defaults::read(&section);
            let container = section.text("container");
            roles.push(OwnRole { name, section, role, defaults, container });
        }
        Self { layouts, roles, places, has_problems: top.found.count() != before }
    }

    /// The values for the nodes of a role that set none themselves.
    pub(crate) fn defaults(&self, role: &str) -> Option<&Defaults<'a>> {
        self.roles.iter().find(|own| *own.name.get_ref() == role).map(|own| &own.defaults)
    }

    /// The container that a role names, where it is named.
    pub fn container(&self, role: &str) -> Option<&Spanned<&'a str>> {
        self.roles.iter().find(|own| *own.name.get_ref() == role)?.container.as_ref()
    }

    /// The install trees that roles name, each with its role for messages.
    pub(crate) fn install_trees(&self) -> impl Iterator<Item = (&str, &Spanned<&'a str>)> {
        self.roles.iter().filter_map(|own| Some((own.section.place.as_str(), own.defaults.install_tree.as_ref()?)))
    }

    /// Where the site file describes this layout of a role, in the role itself or in one that it includes; none for a
    /// layout of the blueprint.
    pub(crate) fn place(&self, role: &Role, layout: &str) -> Option<Range<usize>> {
        let of = |role: &str| self.places.get(&(role.to_string(), layout.to_string())).cloned();
        of(&role.name).or_else(|| role.includes.iter().find_map(|included| of(included))).or_else(|| of(""))
    }

    /// Adds everything to the blueprint, and reports what cannot be added.
    pub(crate) fn add_to(&self, blueprint: &mut Blueprint, found: &Collector) {
        let shipped = blueprint.roles.clone();
        for own in &self.roles {
            own.check(shipped.contains_key(&own.role.name));
            match blueprint.roles.get_mut(&own.role.name) {
                Some(known) => {
                    known.layouts.extend(own.role.layouts.clone());
                    known.default_layout = own.role.default_layout.clone();
                    known.software.add(&own.role.software);
                }
                None => drop(blueprint.roles.insert(own.role.name.clone(), own.role.clone())),
            }
            if !shipped.contains_key(&own.role.name) {
                role::count(&own.role.name, &own.section, blueprint);
                own.check_capabilities(blueprint);
            }
        }
        self.pass_on(blueprint, &shipped);
        for own in self.roles.iter().filter(|own| !shipped.contains_key(&own.role.name)) {
            own.include(blueprint, found);
        }
        for (name, layout) in &self.layouts {
            let taken = shipped.values().find(|role| role.layouts.contains_key(name));
            let place = self.places.get(&(String::new(), name.clone()));
            if let (Some(role), Some(at)) = (taken, place.cloned()) {
                let message = format!("layout {} is already one of role `{}` of the blueprint", quote(name), role.name);
                let help = format!("give it another name, or write `[role.{}.layout.{name}]` to replace it", role.name);
                found.report(at, message, help);
            }
            for role in blueprint.roles.values_mut() {
                role.layouts.entry(name.clone()).or_insert_with(|| layout.clone());
            }
        }
        for own in &self.roles {
            own.check_layouts(&blueprint.roles[&own.role.name]);
        }
    }

    /// Passes changed layouts on to those roles of the blueprint that have them by including the changed role.
    fn pass_on(&self, blueprint: &mut Blueprint, shipped: &BTreeMap<String, Role>) {
        for own in &self.roles {
            let Some(before) = shipped.get(&own.role.name) else { continue };
            for heir in shipped.values().filter(|heir| heir.includes.contains(&own.role.name)) {
                let Some(role) = blueprint.roles.get_mut(&heir.name) else { continue };
                for (name, layout) in &own.role.layouts {
                    // A layout that the role itself defines, in the blueprint or in the site file, takes precedence.
                    if role.layouts.get(name) == before.layouts.get(name) {
                        role.layouts.insert(name.clone(), layout.clone());
                    }
                }
            }
        }
    }
}

impl OwnRole<'_> {
    fn check(&self, is_shipped: bool) {
        let (section, found) = (&self.section, self.section.found);
        for key in OF_NEW_ROLES.into_iter().filter(|key| is_shipped && section.has(key)) {
            let message = format!("{} belongs to the blueprint, its `{key}` cannot be changed", section.place);
            found.report(
                section.at.clone(),
                message,
                "set `layout` or `default_layout`, or give the role another name",
            );
        }
        let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        let name = &self.role.name;
        let good = name.len() <= 32 && name.chars().all(letters) && name.starts_with(|c: char| c.is_ascii_lowercase());
        if !good || name.ends_with('-') || name == "all" {
            let message = format!("{} is not a name for a role", quote(name));
            found.report(
                self.name.span(),
                message,
                "use up to 32 lower-case letters, digits and inner hyphens, not `all`",
            );
        }
        for alias in section.texts("aliases").into_iter().filter(|alias| alias.get_ref().parse::<NodeName>().is_err()) {
            let message = format!("{}: {} is not a host name", section.place, quote(alias.get_ref()));
            found.report(alias.span(), message, "use lower-case letters, digits and inner hyphens");
        }
    }

    /// Checks that the blueprint asks for each capability that the role provides.
    fn check_capabilities(&self, blueprint: &Blueprint) {
        for name in self.section.texts("provides") {
            if !blueprint.capabilities.contains_key(*name.get_ref()) {
                let message =
                    format!("{} provides {}, for which nobody asks", self.section.place, quote(name.get_ref()));
                let known = blueprint.capabilities.keys().map(String::as_str);
                self.section.found.report(name.span(), message, suggest(name.get_ref(), "capabilities", known));
            }
        }
    }

    /// Gives a new role the steps and the layouts of all roles that it includes, directly or indirectly.
    fn include(&self, blueprint: &mut Blueprint, found: &Collector) {
        let mut all: Vec<String> = Vec::new();
        let mut open: Vec<(String, Range<usize>)> =
            self.section.texts("includes").iter().map(|name| (name.get_ref().to_string(), name.span())).collect();
        open.reverse();
        let mut layouts = BTreeMap::new();
        let mut seen = BTreeSet::from([self.role.name.clone()]);
        while let Some((name, at)) = open.pop() {
            if name == self.role.name {
                let message = format!("{} includes itself", self.section.place);
                found.report(at.clone(), message, "leave it out");
            }
            let Some(role) = blueprint.roles.get(&name) else {
                let message = format!("{} includes unknown role {}", self.section.place, quote(&name));
                found.report(at, message, suggest(&name, "roles", blueprint.roles.keys().map(String::as_str)));
                continue;
            };
            if seen.insert(name.clone()) {
                for (layout, value) in &role.layouts {
                    layouts.entry(layout.clone()).or_insert_with(|| value.clone());
                }
                open.extend(role.includes.iter().map(|name| (name.clone(), at.clone())));
                all.push(name);
            }
        }
        if let Some(role) = blueprint.roles.get_mut(&self.role.name) {
            role.includes = all;
            if role.summary.is_empty() {
                role.summary = "a role of this site".into();
            }
            layouts.extend(role.layouts.clone());
            role.layouts = layouts;
        }
    }

    fn check_layouts(&self, role: &Role) {
        let (section, found) = (&self.section, self.section.found);
        // A layout that could not be read was reported, and it may be the missing one.
        if role.layouts.is_empty() && !section.has("layout") {
            let help = format!(
                "add `[role.{}.layout.NAME]` or `[layout.NAME]`, or include a role that has layouts",
                role.name
            );
            found.report(section.at.clone(), format!("{} has no layout", section.place), help);
        } else if let Some(wanted) = section.text("default_layout")
            && !role.layouts.contains_key(*wanted.get_ref())
        {
            let message = format!("{} has no layout {}", section.place, quote(wanted.get_ref()));
            let help = suggest(wanted.get_ref(), "its layouts", role.layouts.keys().map(String::as_str));
            found.report(wanted.span(), message, help);
        }
    }
}

fn note_places(
    places: &mut BTreeMap<(String, String), Range<usize>>,
    role: &str,
    owner: &Section<'_>,
    layouts: &BTreeMap<String, Layout>,
) {
    let Some((_, table)) = (!layouts.is_empty()).then(|| owner.table("layout", "")).flatten() else { return };
    for name in layouts.keys() {
        if let Some(value) = table.get(name.as_str()) {
            places.insert((role.into(), name.clone()), value.span());
        }
    }
}
