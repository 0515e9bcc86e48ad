//! `rackstart lint`: kickstarts that nobody here wrote, with a place and a help for everything, and no secret on the screen.

use std::io::Write;
use std::process::Stdio;

use crate::support::desk::{Desk, Run};

const GOOD: &str = "url --url=http://x/\ntext\nlang en_US\nkeyboard us\ntimezone UTC\nrootpw --lock\nbootloader\n\
                    network --bootproto=dhcp\nclearpart --all --drives=sda\nautopart\n%packages\n@core\n%end\n";

fn lint(text: &str, more: &[&str]) -> Run {
    let desk = Desk::new();
    std::fs::write(desk.path("a.ks"), text).unwrap();
    desk.run(&[&["lint", "a.ks"], more].concat())
}

#[test]
fn everything_is_told_at_once_with_its_line_a_caret_and_a_help() {
    let text = GOOD.replace("lang en_US", "langg en_US").replace("autopart", "part / --size=1x\npart pv.1 --gorw");
    let run = lint(&text, &["--release", "9"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    for part in [
        "error: EL9 does not know the command `langg`\n --> a.ks:3:1\n",
        "3 | langg en_US\n  | ^^^^^\n",
        "help: did you mean `lang`?",
        "10 | part / --size=1x\n   |        ^^^^^^\n",
        "error: `part` of EL9 has no option `--gorw`\n  --> a.ks:11:1\n",
        "warning: there is no `lang`",
        "3 errors and 1 warning in a.ks, for release 9\n",
    ] {
        assert!(run.stderr.contains(part), "{part:?} is missing in\n{}", run.stderr);
    }
}

#[test]
fn a_good_one_is_ok_and_warnings_alone_are_no_failure() {
    let run = lint(GOOD, &["--release", "9"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "ok: a.ks, for release 9\n", ""));
    let run = lint(&GOOD.replace(" --drives=sda", ""), &["--release", "9"]);
    assert!(run.code == 0 && run.stderr.ends_with("1 warning in a.ks, for release 9\n"), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: "), "{}", run.stderr);
}

#[test]
fn a_password_is_never_shown() {
    let text = GOOD.replace("rootpw --lock", "rootpw --plaintxt geheim\nuser --name=a --password=hunter2 --sudo");
    for more in [&["--release", "9"][..], &["--release", "9", "--json"]] {
        let run = lint(&text, more);
        assert_eq!(run.code, 1);
        let said = run.stdout + &run.stderr;
        assert!(said.contains("--plaintxt") && said.contains("--sudo"), "{said}");
        assert!(!said.contains("geheim") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn the_release_comes_from_the_file_or_from_the_command_line() {
    let run = lint(GOOD, &[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("a.ks does not say which release it is for"), "{}", run.stderr);
    let own = format!("#version=RHEL10\n{GOOD}");
    assert_eq!(lint(&own, &[]).stdout, "ok: a.ks, for release 10\n");
    assert_eq!(lint(&own, &["--release", "7"]).stdout, "ok: a.ks, for release 7\n");
    assert_eq!(lint(&own, &["--release", "5"]).code, 2);
}

#[test]
fn several_files_and_standard_input_are_read_and_json_names_each() {
    let desk = Desk::new();
    std::fs::write(desk.path("good.ks"), GOOD).unwrap();
    let mut command = desk.command(&["lint", "--json", "--release", "9", "good.ks", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{GOOD}$SNIPPET('x')\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ok"], false);
    assert_eq!((&told["files"][0]["ok"], &told["files"][0]["file"]), (&true.into(), &"good.ks".into()));
    let problem = &told["files"][1]["problems"][0];
    assert_eq!((&problem["severity"], &problem["line"]), (&"error".into(), &14.into()));
    assert!(problem["message"].as_str().unwrap().contains("Cobbler"), "{problem}");
    assert_eq!(desk.run(&["lint", "--release", "9", "nowhere.ks"]).code, 1);
}
