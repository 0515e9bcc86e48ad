//! Reads a blueprint, a cloud design as data. The ones that ship are in `templates/blueprints/`, inside the binary.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::layout::read_layout;
use super::problem::Problems;
use super::reader::{Found, Section};
use super::words::{quote, suggest};
use crate::site::{Blueprint, Layout, Role};

/// The blueprints in the binary: name and text.
const SHIPPED: [(&str, &str); 1] = [("essex", include_str!("../../templates/blueprints/essex.toml"))];

/// Names of the blueprints in the binary.
pub fn blueprint_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// Returns a blueprint of the binary; none when no blueprint has the name.
pub fn shipped_blueprint(name: &str) -> Option<Result<Blueprint, Problems>> {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    Some(parse_blueprint(text, &format!("templates/blueprints/{name}.toml")))
}

/// Reads the text of a blueprint. `file_name` is for messages only.
pub fn parse_blueprint(text: &str, file_name: &str) -> Result<Blueprint, Problems> {
    let found = Found::default();
    let document = super::document(text, &found);
    let blueprint = document.as_ref().and_then(|document| read(document.get_ref(), &found));
    let (problems, secrets) = found.into_parts();
    match blueprint {
        Some(blueprint) if problems.is_empty() => Ok(blueprint),
        _ => Err(Problems::new(file_name, text, problems, &secrets)),
    }
}

fn read(document: &DeTable<'_>, found: &Found) -> Option<Blueprint> {
    let keys = ["name", "summary", "variables", "role"];
    let top = Section::open("the blueprint".into(), 0..0, document, &keys, found);
    top.need("name", "name = \"essex\"");
    top.need("summary", "summary = \"what it is, in one sentence\"");
    top.need("role", "[role.compute]");
    let roles = read_roles(&top);
    Some(Blueprint {
        name: top.text("name")?.into_inner().into(),
        summary: top.text("summary")?.into_inner().into(),
        variables: read_variables(&top),
        roles: roles?,
    })
}

fn read_variables(top: &Section<'_>) -> BTreeMap<String, String> {
    let Some((at, table)) = top.table("variables", "`[variables]`") else { return BTreeMap::new() };
    let names: Vec<&str> = table.keys().map(|key| &**key.get_ref()).collect();
    let section = Section::open("`[variables]`".into(), at, table, &names, top.found);
    let read = |name: &&str| Some((name.to_string(), section.text(name)?.into_inner().to_string()));
    names.iter().filter_map(read).collect()
}

fn read_roles(top: &Section<'_>) -> Option<BTreeMap<String, Role>> {
    let (_, table) = top.table("role", "`[role.NAME]`")?;
    let mut roles = BTreeMap::new();
    for (name, value) in table.iter() {
        let place = format!("role {}", quote(name.get_ref()));
        match value.get_ref().as_table() {
            Some(role) => {
                let role = read_role(name.get_ref(), place, value.span(), role, top.found);
                roles.insert(name.get_ref().to_string(), role?);
            }
            None => top.found.report(value.span(), format!("{place} is not a table"), "write `[role.NAME]`"),
        }
    }
    for (name, value) in table.iter() {
        inherit(name.get_ref(), value.span(), &mut roles, top.found);
    }
    Some(roles)
}

fn read_role(name: &str, place: String, at: Range<usize>, table: &DeTable<'_>, found: &Found) -> Option<Role> {
    let keys = ["summary", "includes", "aliases", "at_least", "at_most", "layout"];
    let section = Section::open(place, at, table, &keys, found);
    section.need("summary", "summary = \"what it does, in one sentence\"");
    let count = |key: &str| section.number(key, 0..=10_000).map(|number| *number.get_ref() as usize);
    let texts = |key: &str| section.texts(key).iter().map(|text| text.get_ref().to_string()).collect();
    Some(Role {
        name: name.to_string(),
        includes: texts("includes"),
        aliases: texts("aliases"),
        at_least: count("at_least").unwrap_or(0),
        at_most: count("at_most"),
        layouts: read_layouts(&section),
        summary: section.text("summary")?.into_inner().into(),
    })
}

fn read_layouts(role: &Section<'_>) -> BTreeMap<String, Layout> {
    let Some((_, table)) = role.table("layout", "`[role.NAME.layout.NAME]`") else { return BTreeMap::new() };
    let mut layouts = BTreeMap::new();
    for (name, value) in table.iter() {
        let place = format!("layout {} of {}", quote(name.get_ref()), role.place);
        match value.get_ref().as_table() {
            Some(layout) => {
                let layout = read_layout(name.get_ref(), place, value.span(), layout, role.found);
                layouts.extend(layout.map(|layout| (layout.name.clone(), layout)));
            }
            None => {
                role.found.report(value.span(), format!("{place} is not a table"), "write `[role.NAME.layout.NAME]`")
            }
        }
    }
    layouts
}

/// A role without layouts of its own has those of the roles it includes.
fn inherit(name: &str, at: Range<usize>, roles: &mut BTreeMap<String, Role>, found: &Found) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing;

    #[test]
    fn essex_holds_the_tables_of_the_paper() {
        let essex = shipped_blueprint("essex").unwrap().unwrap();
        assert_eq!(essex.roles["compute"].layouts["paper"], testing::compute_layout());
        assert_eq!(essex.roles["gateway"].layouts["paper"], testing::compute_layout());
        assert_eq!(essex.roles["controller"].layouts["paper"], testing::controller_layout());
        assert_eq!(essex.targets("gateway"), ["all", "gateway", "compute"]);
        assert_eq!(essex.roles["gateway"].aliases, ["gateway"]);
    }

    #[test]
    fn every_layout_that_grows_does_so_at_its_last_partition() {
        let essex = shipped_blueprint("essex").unwrap().unwrap();
        for role in essex.roles.values() {
            let grow = &role.layouts["grow"].partitions;
            let growing: Vec<bool> = grow.iter().map(|partition| partition.size.grows()).collect();
            assert_eq!(growing.iter().filter(|grows| **grows).count(), 1, "{}", role.name);
            assert_eq!(growing.last(), Some(&true), "{}", role.name);
        }
    }

    #[test]
    fn every_mistake_of_a_blueprint_is_named() {
        let text = r#"
name = "x"
colour = "red"
[role.a]
summary = "a"
includes = ["b"]
[role.c]
summary = "c"
layout.one = { partitions = [{ mount = "/boot", size = 1 }, { volume_group = "v", size = 5, at_least = 5 }] }
"#;
        let problems = parse_blueprint(text, "x.toml").unwrap_err().to_string();
        for part in ["`summary`", "`colour`", "unknown role `b`", "`a` has no layout", "`file_system`", "either `size`"]
        {
            assert!(problems.contains(part), "{part} is missing in\n{problems}");
        }
    }
}
