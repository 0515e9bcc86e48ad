//! Which template each file of a payload comes from: the runner that every node has, the step sets of the blueprint, its own
//! files, and above all what the operator puts in their place.

use std::collections::BTreeMap;

use crate::site::Blueprint;

use super::engine::Engine;
use super::templates::{BLUEPRINT_PARTS, BLUEPRINTS, RULES_FILE, STEP_SETS};

/// The runner and what every node has.
const COMMON: &str = "templates/firstboot/";

/// What it has of these unless its blueprint says something else.
const DEFAULT: &str = "templates/firstboot/default/";

/// Path in the payload, with `.j2` where it is rendered, to the name of the template.
pub(super) fn of(engine: &Engine, blueprint: &Blueprint) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut add = |folder: &str, path: &dyn Fn(&str) -> Option<String>| {
        for name in engine.names(folder) {
            files.extend(path(&name[folder.len()..]).map(|path| (path, name)));
        }
    };
    add(DEFAULT, &|path| Some(path.into()));
    add(COMMON, &|path| (!path.starts_with("default/")).then(|| path.into()));
    for set in &blueprint.steps {
        add(&format!("{STEP_SETS}{set}/"), &|path| (path != RULES_FILE).then(|| path_of_set(path)));
    }
    add(&format!("{BLUEPRINTS}{}/", blueprint.name), &|path| {
        BLUEPRINT_PARTS.contains(&path).then(|| path_of_part(path))
    });
    // The operator's file has the last word under its path in the payload too.
    for name in engine.own_names() {
        let path = name.strip_prefix(COMMON).filter(|_| !name.starts_with(DEFAULT));
        files.extend(path.map(|path| (path.to_string(), name.to_string())));
    }
    files
}

/// A set holds `lib/` and folders of steps, beside its rules.
fn path_of_set(path: &str) -> String {
    if path.starts_with("lib/") { path.into() } else { format!("steps/{path}") }
}

fn path_of_part(path: &str) -> String {
    if path == "order" { "steps/order".into() } else { path.into() }
}
