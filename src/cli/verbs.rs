//! The verbs in the order of the work, in groups; clap alone would list them as one block.

use clap::{Command, CommandFactory};

use super::Cli;

/// Each group's purpose, and its verbs.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Prepare",
        &[
            "init",
            "check",
            "doctor",
            "plan",
            "diff",
            "render",
            "dhcp-config",
            "adopt",
            "lint",
            "import",
            "image",
            "media",
            "appliance",
        ],
    ),
    ("Serve", &["serve", "reload"]),
    ("Watch", &["open", "status", "watch", "explain", "strangers", "timeline", "log"]),
    ("Arm", &["install", "reimage", "disarm", "power"]),
    ("Guard", &["stop", "protect", "unprotect", "maintenance", "clear-suspect", "accept-hardware"]),
    ("Records", &["report", "audit", "secrets", "backup", "restore", "token", "session", "completions"]),
];

/// Widest line of the list, in columns.
const WIDTH: usize = 100;

/// The command line of rackstart, with its verbs in groups.
pub(crate) fn command() -> Command {
    let command = Cli::command();
    let verbs = grouped(&command);
    let template = "{about-with-newline}\n{usage-heading} {usage}\n\nVERBSOptions:\n{options}{after-help}";
    command.help_template(template.replace("VERBS", &verbs))
}

/// One line for each verb, below the heading of its group.
fn grouped(command: &Command) -> String {
    let column = GROUPS.iter().flat_map(|(_, verbs)| *verbs).map(|verb| verb.len()).max().unwrap_or(0) + 4;
    let mut text = String::new();
    for (heading, verbs) in GROUPS {
        text.push_str(&format!("{heading}:\n"));
        for name in verbs {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            text.push_str(&entry(name, &about.unwrap_or_default(), column));
        }
        text.push('\n');
    }
    text
}

/// The verb's name and, from `column` on, what it does, in lines of at most [`WIDTH`] columns.
fn entry(name: &str, about: &str, column: usize) -> String {
    let mut text = format!("  {name}");
    let mut used = text.len();
    for (n, word) in about.split_whitespace().enumerate() {
        if n > 0 && used + 1 + word.len() > WIDTH {
            text.push('\n');
            used = 0;
        }
        let gap = if n == 0 || used == 0 { column.saturating_sub(used) } else { 1 };
        text.push_str(&" ".repeat(gap));
        text.push_str(word);
        used += gap + word.len();
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_verb_that_is_shown_stands_in_one_group() {
        let command = Cli::command();
        let known: BTreeSet<&str> =
            command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name).collect();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        assert_eq!(listed.len(), known.len(), "none stands twice");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn the_list_fits_a_terminal_and_lines_that_go_on_are_indented() {
        let text = grouped(&Cli::command());
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        let long = entry("plan", &"word ".repeat(30), 10);
        assert!(long.lines().skip(1).all(|line| line.starts_with("          word")), "{long}");
        let help = command().render_help().to_string();
        assert!(help.contains("\nArm:\n  install") && help.contains("Exit codes: 0 ok"), "{help}");
    }
}
