//! `[variables]` of the site file: what this site says differently from its blueprint. Only what the blueprint knows.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeTable;

use super::reader::{Found, Section};
use super::words::quote;
use crate::site::Blueprint;

/// The table as written, and where it stands.
pub(super) type Written<'a> = Option<(Range<usize>, &'a DeTable<'a>)>;

/// Gives variables of the blueprint the values of the site, and reports names that no step reads.
pub(super) fn change(written: &Written<'_>, blueprint: &mut Blueprint, found: &Found) {
    let Some((at, table)) = written else { return };
    let known: Vec<String> = blueprint.variables.keys().cloned().collect();
    let keys: Vec<&str> = known.iter().map(String::as_str).collect();
    let section = Section::open("`[variables]`".into(), at.clone(), table, &keys, found);
    for name in keys.into_iter().filter(|name| section.has(name)) {
        if let Some(value) = section.text(name) {
            blueprint.variables.insert(name.to_string(), value.into_inner().to_string());
        }
    }
}

/// Reports a last group of steps that is none of them: nobody would notice that it ends elsewhere.
pub(super) fn check_last_group(written: &Written<'_>, groups: &BTreeSet<String>, found: &Found) {
    let value = written.as_ref().and_then(|(_, table)| table.get("last_group"));
    let Some((value, group)) = value.and_then(|value| Some((value, value.get_ref().as_str()?))) else { return };
    if !groups.contains(group) {
        let known: Vec<&str> = groups.iter().map(String::as_str).collect();
        let message = format!("`[variables]`: there is no group of steps {} to be the last one", quote(group));
        found.report(value.span(), message, format!("write one of {}", known.join(", ")));
    }
}
