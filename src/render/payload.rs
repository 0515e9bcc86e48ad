//! Which template each file of a payload comes from: the runner that every node has, the step sets of the blueprint,
//! the blueprint's own files, and with the highest precedence the operator's replacements.

use std::collections::BTreeMap;

use crate::site::Blueprint;

use super::engine::Engine;
use super::templates::{BLUEPRINT_PARTS, BLUEPRINTS, RULES_FILE, STEP_SETS};

/// The runner, and the files that every node has.
const COMMON: &str = "templates/firstboot/";

/// Files that a node has unless its blueprint replaces them.
const DEFAULT: &str = "templates/firstboot/default/";

/// Maps the path in the payload, with `.j2` if it is rendered, to the name of the template.
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
    // The operator's file also takes precedence under its path in the payload.
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
