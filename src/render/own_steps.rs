//! The operator's own firstboot steps: whatever the runner on the node would fail on is reported before anything is
//! served.

use crate::grammar;
use crate::site::Blueprint;
use crate::words::suggest;

use super::packages::LAST_GROUP;
use super::templates::{RULES_FILE, STEP_SETS, STEPS, Templates};

/// The functions that the runner calls; a step without one of them cannot succeed.
const FUNCTIONS: [&str; 3] = ["check", "apply", "verify"];

/// A step that would not run, or not as its author intends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepFault {
    /// What is wrong with which file.
    pub message: String,
    /// One thing to do.
    pub help: String,
}

/// Everything that is wrong with the steps in the operator's folder, file by file.
pub(super) fn faults(own: &Templates, blueprint: &Blueprint) -> Vec<StepFault> {
    let steps = own.files.iter().filter_map(|(name, text)| Some((name, path_below(name, blueprint)?, text)));
    let fault = |(name, path, text): (&String, &str, &String)| {
        let (what, help) = look(path, text, blueprint)?;
        Some(StepFault { message: format!("the step {} {what}", own.place(name)), help })
    };
    steps.filter_map(fault).collect()
}

/// The path of a step below its folder: the operator's steps, or a step set that the blueprint uses.
fn path_below<'a>(name: &'a str, blueprint: &Blueprint) -> Option<&'a str> {
    let of_set = || {
        let (set, path) = name.strip_prefix(STEP_SETS)?.split_once('/')?;
        blueprint.steps.iter().any(|used| used == set).then_some(path)
    };
    name.strip_prefix(STEPS).or_else(of_set)
}

/// What is wrong with one file below the folder of steps, and what to do.
fn look(path: &str, text: &str, blueprint: &Blueprint) -> Option<(String, String)> {
    if path == "order" || path == RULES_FILE {
        return None; // neither is a step
    }
    if path.starts_with("lib/") {
        return syntax(path, text).filter(|_| path.ends_with(".sh"));
    }
    let shape = || ("is not named as a step".to_string(), format!("name it {STEPS}NN-purpose-target/NN-name.sh"));
    let Some((folder, file)) = path.split_once('/').filter(|(_, file)| !file.contains('/')) else {
        return Some(shape());
    };
    let file = file.strip_suffix(".j2").unwrap_or(file);
    let (Some((group, rest)), true) = (numbered(folder), file.ends_with(".sh") && numbered(file).is_some()) else {
        return Some(shape());
    };
    let Some((_, target)) = rest.rsplit_once('-') else { return Some(shape()) };
    let roles = || blueprint.roles.keys().map(String::as_str);
    if target != "all" && !roles().any(|role| role == target) {
        let help = suggest(target, "the targets", ["all"].into_iter().chain(roles()));
        return Some((format!("is for the target `{target}`, which no node has: it would never run"), help));
    }
    if let Some(last) = blueprint.variable(LAST_GROUP).filter(|last| !last.is_empty() && group > *last) {
        let help = format!("give it a number up to {last}, or set `last_group = \"{group}\"` in `[variables]`");
        return Some((format!("is of group {group}, after the last group {last}: it would never run"), help));
    }
    if let Some(fault) = syntax(path, text) {
        return Some(fault);
    }
    let missing: Vec<String> =
        FUNCTIONS.iter().filter(|name| !defines(text, name)).map(|name| format!("`{name}`")).collect();
    if missing.is_empty() {
        return None;
    }
    let help =
        "a step is a file with the functions check (is it so already?), apply and verify; `true` is a body".to_string();
    Some((format!("does not define {}", missing.join(", ")), help))
}

/// What bash would refuse; a template that is rendered first is not looked at.
fn syntax(path: &str, text: &str) -> Option<(String, String)> {
    let (line, what) = grammar::shell_trouble(text).filter(|_| !path.ends_with(".j2"))?;
    Some((format!("is not a shell script: line {line}: {what}"), "correct it; `bash -n FILE` reads it too".into()))
}

/// The two digits that a name begins with, and what follows the hyphen.
fn numbered(name: &str) -> Option<(&str, &str)> {
    let (number, rest) = name.split_once('-')?;
    (number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty())
        .then_some((number, rest))
}

/// Whether a shell text defines a function: `name() {` or `function name {`.
pub(super) fn defines(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let (is_keyword, line) = match line.strip_prefix("function ") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        let rest = line.strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| {
            rest.starts_with("()") || rest.starts_with("( )") || is_keyword && rest.starts_with('{')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn a_step_that_would_never_run_or_never_end_is_told() {
        let mut blueprint = paper_site().blueprint;
        blueprint.variables.insert("last_group".into(), "10".into());
        let good = "check() {\n  true\n}\napply () {\n  true\n}\nfunction verify {\n  true\n}\n";
        let said = |path: &str, text: &str| look(path, text, &blueprint).map(|(what, help)| format!("{what}; {help}"));
        for path in ["05-lab-compute/01-hello.sh", "05-lab-all/01-hello.sh.j2", "order"] {
            assert_eq!(said(path, good), None, "{path}");
        }
        for (path, text, expected) in [
            ("05-lab-srever/01-hello.sh", good, "the target `srever`, which no node has"),
            ("05-lab-comptue/01-hello.sh", good, "did you mean `compute`?"),
            ("11-lab-all/01-hello.sh", good, "after the last group 10"),
            ("05-lab-all/hello.sh", good, "NN-name.sh"),
            ("5-lab-all/01-hello.sh", good, "NN-purpose-target"),
            ("lab/01-hello.sh", good, "NN-purpose-target"),
            ("01-hello.sh", good, "NN-purpose-target"),
            ("05-lab-all/more/01-hello.sh", good, "NN-purpose-target"),
            ("05-lab-all/01-hello.sh", "check() {\n  if true; then\n}\n", "is not a shell script: line"),
            ("lib/lab.sh", "keepsake_X() {\n  echo 'x\n}\n", "is not a shell script: line 2"),
            ("05-lab-all/01-hello.sh", "echo hello\n", "does not define `check`, `apply`, `verify`"),
            ("05-lab-all/01-hello.sh", "check() {\n}\n# apply() {\nverify(){ :; }\n", "does not define `apply`;"),
        ] {
            let said = said(path, text).unwrap_or_default();
            assert!(said.contains(expected), "{path}: {said}");
        }
    }

    #[test]
    fn every_step_of_rackstart_passes() {
        let blueprint = paper_site().blueprint;
        let files = super::super::engine::TemplateFiles::iter().filter(|name| name.starts_with(STEP_SETS));
        let text = |name: &str| {
            let file = super::super::engine::TemplateFiles::get(name).unwrap();
            String::from_utf8(file.data.into_owned()).unwrap()
        };
        let files: std::collections::BTreeMap<String, String> =
            files.map(|name| (name.to_string(), text(&name))).collect();
        assert!(files.len() > 40, "{}", files.len());
        assert_eq!(faults(&Templates { folder: "own".into(), files }, &blueprint), []);
    }
}
