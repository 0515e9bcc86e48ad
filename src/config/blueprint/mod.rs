//! Reads a blueprint, a design as data: `templates/blueprints/NAME/blueprint.toml`, inside the binary or in the operator's
//! folder of templates.

mod parts;
mod references;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::{Problem, Problems};
use super::reader::{Collector, Section};
use super::role;
use crate::render::{BLUEPRINT_FILE, BLUEPRINTS, STEP_SETS, Templates, shipped_file, shipped_names};
use crate::site::{Blueprint, Role};
use crate::words::{quote, suggest};

const KEYS: [&str; 22] = [
    "name",
    "summary",
    "steps",
    "selinux",
    "firewall",
    "default_role",
    "variables",
    "networks",
    "nodes",
    "callers",
    "copies",
    "drain",
    "keepsake",
    "capability",
    "floors",
    "secret",
    "role",
    "accounts",
    "trial",
    "tree_image",
    "sentence",
    "layout",
];

/// Names of the blueprints in the binary and of those in the operator's folder.
pub(crate) fn blueprint_names(own: &Templates) -> Vec<String> {
    let of = |name: &str| Some(name.strip_prefix(BLUEPRINTS)?.strip_suffix(BLUEPRINT_FILE)?.to_string());
    let mut names: Vec<String> =
        shipped_names().iter().map(String::as_str).chain(own.files.keys().map(String::as_str)).filter_map(of).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns a blueprint by its name, the operator's before the one in the binary; none when no blueprint has the name.
pub(crate) fn blueprint(name: &str, own: &Templates) -> Option<Result<Blueprint, Problems>> {
    let file = format!("{BLUEPRINTS}{name}{BLUEPRINT_FILE}");
    let text = own.files.get(&file).cloned().or_else(|| shipped_file(&file))?;
    let place = own.place(&file);
    Some(parse_blueprint(&text, &place).and_then(|mut blueprint| {
        let mut problems = surroundings(name, &blueprint, own);
        match super::rules::of(&blueprint, own) {
            Ok(rules) => blueprint.rules = rules,
            Err(problem) => problems.push(problem),
        }
        if problems.is_empty() { Ok(blueprint) } else { Err(Problems::new(&place, &text, problems, &[])) }
    }))
}

/// Reports what is wrong with the folder of a blueprint and with the step sets that it names.
fn surroundings(name: &str, blueprint: &Blueprint, own: &Templates) -> Vec<Problem> {
    let mut problems = Vec::new();
    if blueprint.name != name {
        let message = format!("the blueprint of the folder `{name}` is called `{}`", blueprint.name);
        problems.push(Problem::nowhere(message, format!("write `name = \"{name}\"`, or rename the folder")));
    }
    let shipped = shipped_names();
    let files = || shipped.iter().map(String::as_str).chain(own.files.keys().map(String::as_str));
    let mut sets: Vec<&str> =
        files().filter_map(|file| Some(file.strip_prefix(STEP_SETS)?.split_once('/')?.0)).collect();
    sets.sort();
    sets.dedup();
    for set in blueprint.steps.iter().filter(|set| !sets.contains(&set.as_str())) {
        let message = format!("there is no step set {}: no folder {STEP_SETS}{set} holds steps", quote(set));
        problems.push(Problem::nowhere(message, suggest(set, "step sets", sets.iter().copied())));
    }
    problems
}

/// Reads the text of a blueprint. `file_name` is for messages only.
pub fn parse_blueprint(text: &str, file_name: &str) -> Result<Blueprint, Problems> {
    let found = Collector::default();
    let document = super::document(text, &found);
    let blueprint = document.as_ref().and_then(|document| read(document.get_ref(), &found));
    let (problems, secrets) = found.into_parts();
    match blueprint {
        Some(blueprint) if problems.is_empty() => Ok(blueprint),
        _ => Err(Problems::new(file_name, text, problems, &secrets)),
    }
}

fn read(document: &DeTable<'_>, found: &Collector) -> Option<Blueprint> {
    let top = Section::open("the blueprint".into(), 0..0, document, &KEYS, found);
    top.need("name", "name = \"lab\"");
    top.need("summary", "summary = \"what it is, in one sentence\"");
    top.need("role", "[role.server]");
    let written = role::tables(&top, &[]);
    let roles = read_roles(&top, &written);
    let mut blueprint = Blueprint {
        name: top.text("name")?.into_inner().into(),
        summary: top.text("summary")?.into_inner().into(),
        steps: top.texts("steps").iter().map(|set| set.get_ref().to_string()).collect(),
        selinux_enforces: top
            .word("selinux", &[("enforcing", true), ("permissive", false)])
            .is_none_or(|word| *word.get_ref()),
        firewall_by_steps: top
            .word("firewall", &[("steps", true), ("installer", false)])
            .is_some_and(|word| *word.get_ref()),
        default_role: top.text("default_role").map(|role| role.into_inner().to_string()),
        variables: read_texts(&top, "variables"),
        networks: top.texts("networks").iter().map(|name| name.get_ref().to_string()).collect(),
        rules: Vec::new(), // they are in a separate file
        nodes: parts::nodes(&top),
        callers: parts::callers(&top),
        copies: parts::copies(&top),
        drain: parts::drain(&top),
        keepsakes: parts::keepsakes(&top),
        capabilities: parts::capabilities(&top),
        floors: read_texts(&top, "floors"),
        secrets: super::secrets::read(&top),
        accounts: top.texts("accounts").iter().map(|name| name.get_ref().to_string()).collect(),
        trial: parts::trial(&top),
        tree_images: parts::tree_images(&top),
        sentences: parts::sentences(&top),
        roles: BTreeMap::new(),
    };
    blueprint.roles = roles?;
    for (name, section) in &written {
        role::count(name.get_ref(), section, &mut blueprint);
    }
    references::check(&blueprint, &top);
    Some(blueprint)
}

/// Reads a table of strings with arbitrary keys.
fn read_texts(top: &Section<'_>, key: &'static str) -> BTreeMap<String, String> {
    let label = format!("`[{key}]`");
    let Some((at, table)) = top.table(key, &label) else { return BTreeMap::new() };
    let names: Vec<&str> = table.keys().map(|key| &**key.get_ref()).collect();
    let section = Section::open(label, at, table, &names, top.found);
    let read = |name: &&str| Some((name.to_string(), section.text(name)?.into_inner().to_string()));
    names.iter().filter_map(read).collect()
}

fn read_roles(top: &Section<'_>, written: &[(Spanned<&str>, Section<'_>)]) -> Option<BTreeMap<String, Role>> {
    let shared = role::read_layouts(top, "`[layout.NAME]`");
    let mut roles = BTreeMap::new();
    for (name, section) in written {
        section.need("summary", "summary = \"what it does, in one sentence\"");
        let mut role = role::read_role(name.get_ref(), section);
        for (layout, value) in &shared {
            role.layouts.entry(layout.clone()).or_insert_with(|| value.clone());
        }
        roles.insert(name.get_ref().to_string(), role);
    }
    for (name, section) in written {
        role::inherit(name.get_ref(), section.at.clone(), &mut roles, top.found);
    }
    Some(roles)
}
