//! Reads a blueprint, a cloud design as data. The ones that ship are in `templates/blueprints/`, inside the binary.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::problem::Problems;
use super::reader::{Found, Section};
use super::role;
use crate::site::{Blueprint, Role};

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
    let keys = ["name", "summary", "variables", "floors", "secret", "role"];
    let top = Section::open("the blueprint".into(), 0..0, document, &keys, found);
    top.need("name", "name = \"essex\"");
    top.need("summary", "summary = \"what it is, in one sentence\"");
    top.need("role", "[role.compute]");
    let roles = read_roles(&top);
    Some(Blueprint {
        name: top.text("name")?.into_inner().into(),
        summary: top.text("summary")?.into_inner().into(),
        variables: read_texts(&top, "variables"),
        floors: read_texts(&top, "floors"),
        secrets: super::secrets::read(&top),
        roles: roles?,
    })
}

/// A table of texts, of whatever names.
fn read_texts(top: &Section<'_>, key: &'static str) -> BTreeMap<String, String> {
    let label = format!("`[{key}]`");
    let Some((at, table)) = top.table(key, &label) else { return BTreeMap::new() };
    let names: Vec<&str> = table.keys().map(|key| &**key.get_ref()).collect();
    let section = Section::open(label, at, table, &names, top.found);
    let read = |name: &&str| Some((name.to_string(), section.text(name)?.into_inner().to_string()));
    names.iter().filter_map(read).collect()
}

fn read_roles(top: &Section<'_>) -> Option<BTreeMap<String, Role>> {
    let written = role::tables(top, &[]);
    let mut roles = BTreeMap::new();
    for (name, section) in &written {
        section.need("summary", "summary = \"what it does, in one sentence\"");
        roles.insert(name.get_ref().to_string(), role::read_role(name.get_ref(), section));
    }
    for (name, section) in &written {
        role::inherit(name.get_ref(), section.at.clone(), &mut roles, top.found);
    }
    Some(roles)
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
