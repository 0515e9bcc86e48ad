//! What a blueprint promises and its files do not keep: lines of its table of ports, functions for its keepsakes, steps
//! and targets of its secrets, and rules for its packet filter. On a node each of these would fail late, or silently.

use crate::site::Blueprint;

use super::engine::Engine;
use super::own_steps::{StepFault, defines};
use super::{exposure, payload};

/// A step that writes rules of the packet filter names one of these.
const WRITE_RULES: [&str; 5] = ["firewall_apply", "iptables", "ip6tables", "nft", "firewall-cmd"];

/// Everything that is wrong.
pub(super) fn faults(engine: &Engine, blueprint: &Blueprint) -> Vec<StepFault> {
    let files = payload::of(engine, blueprint);
    let text = |name: &String| engine.file(name).map(|data| String::from_utf8_lossy(&data).into_owned());
    let shell = |path: &&String| path.ends_with(".sh") || path.ends_with(".sh.j2");
    let scripts: Vec<(&String, String)> =
        files.iter().filter(|(path, _)| shell(path)).filter_map(|(path, name)| Some((path, text(name)?))).collect();
    let mut faults = Vec::new();
    let mut add = |message: String, help: &str| faults.push(StepFault { message, help: help.into() });

    for (name, line, why) in exposure::wrong_lines(engine, blueprint) {
        let help = "correct the line; docs/blueprints.md explains the columns";
        add(format!("line {line} of {} is not a line of ports: {why}", engine.place(&name)), help);
    }
    for keepsake in blueprint.keepsakes.keys() {
        let function = format!("keepsake_{keepsake}");
        if !scripts.iter().any(|(path, text)| path.starts_with("lib/") && defines(text, &function)) {
            let message = format!(
                "no file in `lib/` of a step set defines the function `{function}`, so no node reports `{keepsake}`"
            );
            add(message, "write the function, which prints the value, or remove the keepsake from the blueprint");
        }
    }
    for (secret, spec) in &blueprint.secrets {
        for target in spec.targets.iter().filter(|target| *target != "all" && !blueprint.roles.contains_key(*target)) {
            add(
                format!("the secret `{secret}` has the target `{target}`, which is not a role"),
                "name a role, or `all`",
            );
        }
        for step in &spec.steps {
            let path = format!("steps/{}.sh", step.split('?').next().unwrap_or(step));
            if !files.contains_key(&path) && !files.contains_key(&format!("{path}.j2")) {
                let message = format!("the secret `{secret}` names the step `{step}`, which does not exist");
                add(message, "name a step as FOLDER/NAME without `.sh`, or leave it out");
            }
        }
    }
    let writes = |text: &String| {
        let words = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        words
            .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)))
            .any(|word| WRITE_RULES.contains(&word))
    };
    if blueprint.firewall_by_steps && !scripts.iter().any(|(path, text)| path.starts_with("steps/") && writes(text)) {
        let message = format!(
            "the blueprint `{}` says `firewall = \"steps\"`, but none of its steps writes rules",
            blueprint.name
        );
        add(
            message,
            "add a step that calls `firewall_apply` of the set `firewall`, or write `firewall = \"installer\"`",
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Renderer;
    use super::super::templates::Templates;
    use super::*;
    use crate::site::SecretSpec;
    use crate::site::testing::paper_site;

    fn said(blueprint: &Blueprint, files: &[(&str, &str)]) -> Vec<String> {
        let files: BTreeMap<String, String> =
            files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let own = Templates { folder: "own".into(), files };
        let renderer = Renderer::with_templates(own).unwrap();
        renderer.own_step_faults(blueprint).into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn what_a_blueprint_promises_is_held_against_its_files() {
        let mut blueprint = paper_site().blueprint;
        assert_eq!(said(&blueprint, &[]), [""; 0]);
        let none =
            || SecretSpec { targets: vec!["controler".into()], paper: None, steps: vec!["07-x/01-y?a=1".into()] };
        blueprint.secrets.insert("DESK_PASSWORD".into(), none());
        blueprint.keepsakes.insert("TICKET".into(), blueprint.keepsakes.values().next().unwrap().clone());
        let said =
            said(&blueprint, &[("templates/firstboot/ports", "# c\n\ndesk archive lan tcp 7707 password a desk\n")]);
        assert_eq!(said.len(), 4, "{said:#?}");
        for (message, part) in said.iter().zip([
            "line 3 of own/templates/firstboot/ports",
            "`keepsake_TICKET`",
            "`controler`",
            "`07-x/01-y?a=1`",
        ]) {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_packet_filter_that_nobody_writes_is_told() {
        let mut blueprint = paper_site().blueprint;
        blueprint.steps = vec!["kvm".into()];
        blueprint.keepsakes.clear();
        blueprint.secrets.clear();
        let said = said(&blueprint, &[]);
        assert!(said.iter().any(|text| text.contains("none of its steps writes rules")), "{said:#?}");
    }
}
