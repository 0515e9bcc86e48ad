//! What the variables of a blueprint may say: rules that stand as data beside it and beside the step sets that use them,
//! which alone know what they mean.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::reader::Collector;
use super::variables::Written;
use crate::render::{BLUEPRINTS, RULES_FILE, STEP_SETS, Templates, shipped_file};
use crate::site::{Blueprint, Rule, Site};
use crate::words::quote;

/// A file of rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rule: Vec<Rule>,
}

/// The rules of its step sets, then its own, from the files beside their data; none where there is no such file.
pub(super) fn of(blueprint: &Blueprint, own: &Templates) -> Result<Vec<Rule>, Problem> {
    let of_sets = blueprint.steps.iter().map(|set| format!("{STEP_SETS}{set}/{RULES_FILE}"));
    let mut rules = Vec::new();
    for file in of_sets.chain([format!("{BLUEPRINTS}{}/{RULES_FILE}", blueprint.name)]) {
        rules.extend(read(&file, own)?);
    }
    Ok(rules)
}

fn read(file: &str, own: &Templates) -> Result<Vec<Rule>, Problem> {
    let Some(text) = own.files.get(file).cloned().or_else(|| shipped_file(file)) else { return Ok(Vec::new()) };
    let rules = toml::from_str::<Rules>(&text).map_err(|error| {
        let message = format!("{} cannot be read: {}", own.place(file), error.message());
        Problem::nowhere(message, "write `[[rule]]` with `of`, `holds`, `is` and `help`; docs/blueprints.md shows one")
    })?;
    Ok(rules.rule)
}

/// The names that an expression may use.
#[derive(Serialize)]
struct Values<'a> {
    #[serde(flatten)]
    variables: &'a BTreeMap<String, String>,
    vlans: BTreeSet<u16>,
    mounts: BTreeSet<&'a str>,
}

/// Reports each variable that breaks a rule of its blueprint, once. `at` is where to report it when the site file does
/// not name the variable.
pub(super) fn check(written: &Written<'_>, site: &Site, at: &Range<usize>, found: &Collector) {
    let vlans = site.nodes.iter().flat_map(|node| node.vlans.iter().map(|vlan| vlan.id)).collect();
    let mounts = site.nodes.iter().flat_map(|node| node.layout.mount_points()).collect();
    let values = Values { variables: &site.blueprint.variables, vlans, mounts };
    for (rule, broken) in broken(&site.blueprint.rules, &values) {
        let variable = rule.of.first().map(String::as_str).unwrap_or_default();
        let value = site.blueprint.variables.get(variable).map(String::as_str).unwrap_or_default();
        let place = written.as_ref().and_then(|(_, table)| {
            let named = rule.of.iter().find_map(|name| table.get(name.as_str()));
            Some(table.get(variable).or(named)?.span())
        });
        let message = match broken {
            Broken::Value => format!("`[variables]`: `{variable}` {} {}", quote(value), rule.is),
            Broken::Rule(why) => format!("the rule of `{variable}` in the blueprint cannot be evaluated: {why}"),
        };
        found.report(place.unwrap_or_else(|| at.clone()), message, &*rule.help);
    }
}

/// Why a rule does not hold: because of the value, or because of the rule itself.
enum Broken {
    Value,
    Rule(String),
}

/// The rules that do not hold, in order; a rule about a variable that already broke an earlier one is left out.
fn broken<'a>(rules: &'a [Rule], values: &Values<'_>) -> Vec<(&'a Rule, Broken)> {
    let environment = Environment::new();
    let mut blamed: BTreeSet<String> = BTreeSet::new();
    let mut all = Vec::new();
    for rule in rules {
        if rule.of.iter().any(|name| blamed.contains(name)) {
            continue;
        }
        let broken =
            match environment.compile_expression(&rule.holds).and_then(|rule| rule.eval(Value::from(Serde(values)))) {
                Ok(value) if value.is_true() => continue,
                Ok(_) => Broken::Value,
                Err(error) => Broken::Rule(error.to_string()),
            };
        blamed.extend(rule.of.first().cloned());
        all.push((rule, broken));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::blueprint;

    fn told(changes: &[(&str, &str)], vlans: &[u16]) -> Vec<String> {
        let blueprint = blueprint("essex", &Templates::default()).unwrap().unwrap();
        let mut variables = blueprint.variables.clone();
        for (name, value) in changes {
            assert!(variables.insert(name.to_string(), value.to_string()).is_some(), "{name} is no variable");
        }
        let values = Values { variables: &variables, vlans: vlans.iter().copied().collect(), mounts: BTreeSet::new() };
        let told = |(rule, broken): (&Rule, Broken)| match broken {
            Broken::Value => format!("{} {}", rule.of[0], rule.is),
            Broken::Rule(why) => panic!("{}: {why}", rule.holds),
        };
        broken(&of(&blueprint, &Templates::default()).unwrap(), &values).into_iter().map(told).collect()
    }

    #[test]
    fn what_the_blueprint_says_and_what_the_documents_ask_for_is_right() {
        for changes in [
            &[][..],
            &[("network_manager", "flat")],
            &[("multi_host", "yes"), ("vm_interface", "eth2")],
            &[("network_manager", "vlan"), ("multi_host", "yes")],
            &[
                ("network_manager", "vlan"),
                ("num_networks", "16"),
                ("vm_network", "10.0.0.0/20"),
                ("vlan_start", "171"),
            ],
        ] {
            assert_eq!(told(changes, &[7, 170, 187]), Vec::<String>::new(), "{changes:?}");
        }
    }

    #[test]
    fn each_impossible_combination_is_told_once() {
        for (changes, what) in [
            (&[("network_manager", "Flat")][..], "network_manager is not a manager"),
            (&[("multi_host", "no")], "multi_host is neither"),
            (&[("multi_host", "yes"), ("network_manager", "flat")], "multi_host needs a nova-network"),
            (&[("num_networks", "2")], "num_networks is for the manager `vlan`"),
            (&[("num_networks", "0"), ("network_manager", "vlan")], "num_networks is not a number"),
            (&[("network_size", "100")], "network_size is not a size"),
            (&[("vlan_start", "4095")], "vlan_start is not the number"),
            (&[("vlan_start", "4094"), ("network_manager", "vlan")], "vlan_start leaves too few"),
            (
                &[("vlan_start", "299"), ("network_manager", "vlan"), ("num_networks", "2"), ("network_size", "64")],
                "vlan_start begins",
            ),
            (&[("network_manager", "vlan"), ("num_networks", "2")], "vm_network has fewer"),
            (&[("vm_interface", "eth2 eth3")], "vm_interface is not the name"),
            (&[("vm_interface", "../eth2")], "vm_interface is not the name"),
        ] {
            let told = told(changes, &[300]);
            assert!(told.len() == 1 && told[0].starts_with(what), "{changes:?}: {told:?}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_no_rule_that_holds() {
        let variables = BTreeMap::new();
        let values = Values { variables: &variables, vlans: BTreeSet::new(), mounts: BTreeSet::new() };
        let rule = Rule { of: vec!["a".into()], holds: "a <".into(), is: "b".into(), help: "c".into() };
        assert!(matches!(broken(&[rule], &values).as_slice(), [(_, Broken::Rule(_))]));
        let own = Templates {
            folder: "own".into(),
            files: ["blueprints/x", "steps/z"]
                .map(|at| (format!("templates/{at}/rules.toml"), "[[rule]]\nof = []".to_string()))
                .into(),
        };
        let called = |name: &str, steps: &[&str]| Blueprint {
            name: name.into(),
            steps: steps.iter().map(|set| set.to_string()).collect(),
            ..Blueprint::default()
        };
        for (blueprint, place) in [(called("x", &[]), "blueprints/x"), (called("y", &["a", "z"]), "steps/z")] {
            let said = of(&blueprint, &own).unwrap_err().message;
            assert!(said.contains(&format!("own/templates/{place}/rules.toml cannot be read")), "{said}");
        }
        assert_eq!(of(&called("y", &["a"]), &own).unwrap(), []);
    }
}
