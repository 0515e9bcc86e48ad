//! What all verbs have in common: they survive a reader that hangs up, and their exit code says who has to act.

use std::io::pipe;
use std::process::Command;

use crate::support::desk::{Desk, Run};

/// Every verb that prints something long without a daemon.
const TALKERS: [&[&str]; 8] = [
    &["check"],
    &["plan", "compute2"],
    &["plan", "--all"],
    &["plan", "--all", "--json"],
    &["render", "controller", "kickstart"],
    &["render", "compute1", "firstboot-list"],
    &["init", "--output", "-"],
    &["help"],
];

fn desk_with_a_site() -> Desk {
    let desk = Desk::new();
    desk.site(&desk.tree("6.10"), "", "");
    desk
}

/// Runs a command with a stdout or stderr that nobody reads any more.
fn run_unread(mut command: Command, stdout: bool, stderr: bool) -> Run {
    let hung_up = || pipe().unwrap().1; // the reading end is dropped here
    if stdout {
        command.stdout(hung_up());
    }
    if stderr {
        command.stderr(hung_up());
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let desk = desk_with_a_site();
    for args in TALKERS {
        let run = run_unread(desk.command(args), true, false);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_failure_keeps_its_exit_code_when_nobody_reads_the_reason() {
    let desk = desk_with_a_site();
    let unread = |args: &[&str]| run_unread(desk.command(args), true, true).code;
    assert_eq!(unread(&["plan", "nobody"]), 2);
    assert_eq!(unread(&["plan", "--colour"]), 2);
    assert_eq!(unread(&["status", "--socket", "nowhere"]), 3);
    desk.site(&desk.tree("6.10"), "role = \"compute\"", "role = \"comptue\"");
    for args in [&["check"][..], &["plan", "--all"], &["serve"]] {
        assert_eq!(unread(args), 1, "{args:?}");
    }
}

#[test]
fn an_unknown_node_exits_2_and_names_the_one_that_was_meant() {
    let desk = desk_with_a_site();
    for args in [&["plan", "compute22"][..], &["render", "compute22", "kickstart"]] {
        let run = desk.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.starts_with("error: no node is called `compute22`\nhelp: "), "{}", run.stderr);
    }
    let run = desk.run(&["plan", "compute22"]);
    assert!(run.stderr.contains("help: did you mean `compute2`? nodes: compute1, compute2, "), "{}", run.stderr);
}

#[test]
fn who_asks_the_daemon_learns_its_socket_from_a_file_with_any_mistake_and_from_none() {
    let desk = Desk::new();
    let mine = desk.path("mine.sock").display().to_string();
    for slip in ["role = \"comptue\"", "blueprnt = 7", "role = \"compute", "= 7"] {
        desk.site(&desk.path("no-tree"), "role = \"compute\"", slip);
        let site = std::fs::read_to_string(desk.path("rackstart.toml")).unwrap();
        std::fs::write(desk.path("rackstart.toml"), site.replace("/run/rackstart/rackstart.sock", &mine)).unwrap();
        for args in [
            &["status"][..],
            &["watch"],
            &["explain", "52:54:00:a8:02:01"],
            &["explain", "compute2"],
            &["timeline", "compute2"],
            &["reload"],
            &["install", "compute2"],
            &["disarm", "compute2"],
            &["reimage", "compute2", "--yes"],
        ] {
            let run = desk.run(args);
            assert_eq!(run.code, 3, "{args:?}: {}", run.stderr);
            assert!(
                run.stderr.starts_with(&format!("error: the daemon does not answer on {mine}: ")),
                "{}",
                run.stderr
            );
        }
    }
    let run = desk.run(&["-c", "nowhere.toml", "status"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("/run/rackstart/rackstart.sock"), "{}", run.stderr);
}

#[test]
fn a_word_that_is_no_verb_is_never_answered_with_one_that_arms() {
    let desk = Desk::new();
    for word in ["instal", "isntall", "list", "reimag", "re-image", "discover", "unprotec", "restor"] {
        let run = desk.run(&[word]);
        let tips: Vec<&str> = run.stderr.lines().filter(|line| line.contains("similar")).collect();
        assert_eq!(run.code, 2, "{}", run.stderr);
        let orders = ["install", "reimage", "disarm", "stop", "restore", "reload", "unprotect"];
        let proposed = |verb: &&str| tips.iter().any(|tip| tip.contains(&format!("'{verb}'")));
        assert_eq!(orders.iter().find(|verb| proposed(verb)), None, "{word}: {tips:?}");
    }
    let harmless = desk.run(&["statsu"]);
    assert!(harmless.stderr.contains("status"), "{}", harmless.stderr);
}

#[test]
fn a_text_and_a_plan_are_shown_before_the_install_tree_is_there() {
    let desk = desk_with_a_site();
    std::fs::remove_dir_all(desk.path("tree")).unwrap();
    for args in [&["plan", "compute2"][..], &["render", "compute2", "kickstart"]] {
        let run = desk.run(args);
        assert!(run.code == 0 && run.stdout.contains("vg_base"), "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.starts_with("note: the install tree ") && run.stderr.contains("is assumed to hold"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(desk.run(&["check"]).code, 1, "it could not be served");
}
