//! The orders that an operator gives to the running program, and what the console refuses.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rack::{Rack, text};
use crate::support::network_lab::inside;
use crate::support::serving::PROGRAM;

impl Rack {
    /// What is refused, with its exit code 1.
    fn refuses(&self, words: &[&str]) -> String {
        let output = self.cli(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stderr)
    }

    /// The same words typed at a terminal, and what is typed when it asks; what the screen shows, and the exit code.
    fn typed(&self, words: &str, answer: &str) -> (String, i32) {
        self.typed_after("", words, answer)
    }

    /// Like `typed`, with something for the shell of the terminal before it.
    fn typed_after(&self, before: &str, words: &str, answer: &str) -> (String, i32) {
        let line = format!("{before} {PROGRAM} {words}");
        let mut terminal = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1), of util-linux");
        terminal.stdin.take().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
        let output = terminal.wait_with_output().unwrap();
        (text(&output.stdout), output.status.code().unwrap())
    }
}

#[test]
fn an_operator_stops_everything_within_a_second_and_it_stays_stopped() {
    inside(|| {
        let mut rack = Rack::powered();
        let token = rack.boots().expect("armed");
        let began = Instant::now();
        let stopped = rack.says(&["stop"]);
        let took = began.elapsed();
        assert!(stopped.contains("disarmed: compute1, compute2, compute3, compute4, controller"), "{stopped}");
        assert!(took < Duration::from_secs(10), "a second is promised on a quiet machine: {took:?}");
        assert_eq!(rack.redeems(&token), "410");
        let told = rack.says(&["timeline", "compute2"]);
        assert!(told.contains("disarmed: all installations are stopped; it was never installed"), "{told}");
        let audit = rack.says(&["audit", "--action", "stop"]);
        assert!(audit.contains("armed until then: compute1, compute2, compute3, compute4, controller"), "{audit}");
        rack.kill_and_restart();
        assert_eq!(rack.boots(), None);
        assert_eq!(rack.redeems(&token), "410");
        let status = rack.says(&["status"]);
        assert!(status.starts_with("ALL INSTALLATIONS ARE STOPPED, by socket uid "), "{status}");
        assert!(rack.says(&["explain", "compute2"]).contains("ALL INSTALLATIONS ARE STOPPED"));
        let refused = rack.refuses(&["install", "compute2"]);
        assert!(refused.contains("error: installations are stopped") && refused.contains("stop --lift"), "{refused}");
        rack.says(&["stop", "--lift"]);
        assert!(!rack.says(&["status"]).contains("STOPPED"));
        assert!(rack.refuses(&["stop", "--lift"]).contains("are not stopped"));
        rack.says(&["install", "compute2"]);
        assert!(rack.boots().is_some());
    });
}

#[test]
fn what_must_not_be_wiped_is_refused_on_the_console() {
    inside(|| {
        let rack = Rack::powered();
        let many = rack.refuses(&["reimage", "compute2", "compute3", "--yes"]);
        assert!(many.contains("about 2 of the 5 nodes") && many.contains("help: say the exact number"), "{many}");
        let wrong = rack.refuses(&["reimage", "--all", "--count", "4"]);
        assert!(wrong.contains("about 5 nodes, not 4: nothing was changed"), "{wrong}");
        for words in [&["reimage", "--all", "--yes"][..], &["reimage", "--role", "compute", "--yes"], &["reimage"]] {
            assert_eq!(rack.cli(words).status.code(), Some(2), "{words:?}: --yes is for exact names");
        }
        assert_eq!(rack.cli(&["reimage", "compute*", "--yes"]).status.code(), Some(2), "no patterns");
        assert_eq!(rack.cli(&["reimage", "compute2", "--yes", "--force"]).status.code(), Some(2), "no reason");

        rack.says(&["protect", "compute3"]);
        assert!(rack.says(&["status"]).contains("protected"));
        let protected = rack.refuses(&["reimage", "compute3", "--yes"]);
        assert!(protected.contains("compute3 is protected") && protected.contains("unprotect compute3"), "{protected}");
        rack.says(&["maintenance", "compute4"]);
        let all = rack.refuses(&["reimage", "--all", "--count", "5"]);
        assert!(all.contains("compute3 is protected") && all.contains("compute4 is in maintenance"), "{all}");
        assert!(rack.says(&["explain", "compute4"]).contains("silence does not fail it"));
        rack.says(&["unprotect", "compute3"]);
        rack.says(&["maintenance", "compute4", "--off"]);
        assert!(rack.refuses(&["unprotect", "compute3"]).contains("the node is not protected"));
        let status = rack.says(&["status"]);
        assert_eq!(status.matches("its arming was taken back").count(), 2, "{status}");
        assert!(status.ends_with("was never installed: `rackstart install NODE` arms it again\n"), "{status}");
        let untouched = rack.says(&["install", "--all"]);
        assert!(
            untouched.starts_with("compute3 is armed; ") && untouched.contains("\ncompute4 is armed; "),
            "{untouched}"
        );
        assert_eq!(untouched.lines().count(), 2, "the others are armed already: {untouched}");

        let all = rack.says(&["reimage", "--all", "--count", "5"]);
        assert_eq!(all.matches("reboot it now").count(), 5, "{all}");
        assert!(all.contains("compute2 is armed again, which replaces its earlier arming"), "{all}");
        assert!(rack.says(&["install", "compute2"]).contains("which replaces its earlier arming"));
        orders_in_json(&rack);
    });
}

/// Orders with `--json` print the bodies of the API, refusals too, and exit as ever.
fn orders_in_json(rack: &Rack) {
    let said = |words: &[&str], code: i32| -> Value {
        let output = rack.cli(&[words, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    };
    let standing = |state: &str, flags: &[&str]| json!({ "name": "compute3", "state": state, "flags": flags });
    assert_eq!(said(&["protect", "compute3"], 0), standing("new", &["protected"]));
    let refused = said(&["reimage", "compute3", "--yes"], 1);
    assert_eq!(refused.as_object().unwrap().keys().collect::<Vec<_>>(), ["error", "help"]);
    assert!(refused["error"].as_str().unwrap().contains("compute3 is protected"), "{refused}");
    assert!(refused["help"].as_str().unwrap().contains("rackstart unprotect compute3"), "{refused}");
    assert_eq!(said(&["unprotect", "compute3"], 0), standing("new", &[]));
    assert!(said(&["reimage", "compute3"], 2)["help"].as_str().unwrap().contains("--yes"), "nobody is asked");
    assert_eq!(said(&["reimage", "compute3", "--rehearse"], 0)["nodes"][0]["name"], "compute3");
    let armed = |replaced: &[&str]| json!({ "armed": ["compute3"], "replaced": replaced, "later": [], "again_in": 0 });
    assert_eq!(said(&["install", "compute3"], 0), armed(&[]));
    assert_eq!(said(&["disarm", "compute3"], 0), standing("new", &[]));
    assert_eq!(said(&["install", "compute3"], 0), armed(&[]));
    assert_eq!(said(&["reload"], 0)["outcome"], "swapped");
    assert_eq!(said(&["stop"], 0)["disarmed"].as_array().unwrap().len(), 5);
    assert_eq!(text(&rack.cli(&["stop", "--lift", "--json"]).stdout), "", "the API answers without a body");
    assert!(said(&["stop", "--lift"], 1)["error"].as_str().unwrap().contains("are not stopped"));
    let watched = rack.cli(&["watch", "--json", "--timeout", "0"]);
    let watched = text(&watched.stdout);
    let nodes: Vec<Value> = watched.lines().take(5).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(nodes.iter().all(|node| node["state"] == "new" && node["mac"].is_string()), "{watched}");
}

#[test]
fn a_person_at_a_terminal_types_the_name_or_the_number() {
    inside(|| {
        let rack = Rack::powered();
        let boot = "http://192.168.0.254/boot/52-54-00-a8-02-01?serial=SN-4711";
        rack.machine.run(&format!("curl -sSf -m 5 -o /dev/null {boot}"));
        rack.says(&["disarm", "compute2"]);
        let (screen, code) = rack.typed("reimage compute2", "compute3");
        assert!(screen.contains("that is not compute2: nothing was changed") && code == 1, "{code} {screen}");
        assert_eq!(rack.state(), "new");
        let (screen, code) = rack.typed("reimage compute2", "compute2");
        assert_eq!(code, 0, "{screen}");
        for word in ["MAC 52:54:00:a8:02:01", "new for", "WIPES the disk with name sda", "SN-4711", "compute2 is armed"]
        {
            assert!(screen.contains(word), "{word}: {screen}");
        }
        let (screen, code) = rack.typed("reimage --role compute", "2");
        assert!(screen.contains("type how many nodes that are") && code == 1, "{code} {screen}");
        let (screen, code) = rack.typed("reimage --role compute", "3");
        assert_eq!((code, screen.matches("reboot it now").count()), (0, 3), "{screen}");
    });
}

#[test]
fn a_terminal_is_given_what_it_understands_and_as_wide_as_it_is() {
    inside(|| {
        let rack = Rack::powered();
        rack.says(&["maintenance", "compute4"]);
        let on = |terminal: &str, words: &str| rack.typed_after(terminal, words, "").0;
        let status = on("stty cols 60; TERM=xterm", "status");
        let table: Vec<&str> = status.lines().skip_while(|line| !line.starts_with("NODE")).collect();
        assert!(table.len() > 8, "{status}");
        assert!(table.iter().all(|line| line.trim_end().chars().count() <= 60), "{status}");
        assert!(status.contains("its next network boot installs"), "{status}");
        let wait = "watch --until-ready --timeout 0";
        let screen = on("TERM=xterm", wait);
        assert!(screen.contains("\x1b[H") && screen.contains("note: not waiting for compute4"), "{screen:?}");
        let lines = on("TERM=dumb", wait);
        assert!(!lines.contains('\x1b') && lines.contains("compute2 armed"), "{lines:?}");
        assert!(lines.contains("note: not waiting for compute4: it is in maintenance"), "{lines:?}");
    });
}

#[test]
fn a_node_at_work_is_drained_before_it_is_armed_and_the_operator_sees_how() {
    inside(|| {
        let rack = Rack::powered();
        let token = rack.becomes_ready();
        let reimage = ["reimage", "compute2", "--yes", "--force", "--reason", "test"];
        let order = || {
            let mut command = Command::new(PROGRAM);
            command.current_dir(rack.folder.path()).args(reimage).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        // As `run_errands` of a ready node does, until there is one.
        let errand = || {
            let url = format!("http://192.168.0.254/errands/{token}");
            let began = Instant::now();
            loop {
                let errand = rack.machine.run(&format!("curl -sSf -m 5 {url}"));
                if !errand.trim().is_empty() || began.elapsed() > Duration::from_secs(60) {
                    return errand;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        let says = |seq: u8, words: &str| {
            let form = format!("event=errand&seq={seq}&detail={}", words.replace(' ', "+"));
            assert_eq!(rack.posts(&format!("report/{token}"), &form), "204");
        };
        let stays = order();
        let text_of = errand();
        let id = text_of.split(' ').nth(1).unwrap_or_else(|| panic!("no errand: {text_of}")).to_string();
        assert_eq!(text_of, format!("leave {id} compute2\n"));
        says(2, &format!("leave {id} no 4 files are not healed"));
        let stays = stays.wait_with_output().unwrap();
        assert_eq!(stays.status.code(), Some(1));
        assert!(
            text(&stays.stdout).contains("compute2 has to stay: 4 files are not healed"),
            "{}",
            text(&stays.stdout)
        );
        assert!(text(&stays.stderr).contains("nothing was armed"), "{}", text(&stays.stderr));
        assert!(
            text(&stays.stderr).contains("help: fix the reason given above")
                && text(&stays.stderr).contains("--no-drain")
        );
        assert_eq!(rack.state(), "ready");

        // The node can be spared, but there is no controller that could disable its service.
        let leaves = order();
        let again = errand();
        let id = again.split(' ').nth(1).unwrap_or_else(|| panic!("no errand: {again}")).to_string();
        says(3, &format!("leave {id} yes 3 copies"));
        let began = Instant::now();
        let leaves = leaves.wait_with_output().unwrap();
        assert_eq!(leaves.status.code(), Some(1));
        assert!(began.elapsed() > Duration::from_secs(60), "the controller has three rounds to come");
        let seen = text(&leaves.stdout);
        assert!(seen.contains("3 copies; its keeper takes its service out"), "{seen}");
        assert!(seen.contains("has to stay: 3 copies, but no keeper has asked for errands"), "{seen}");
        assert_eq!(rack.state(), "ready");

        let reason = ["--no-drain", "the controller burns"];
        rack.says(&[&reimage[..], &reason[..]].concat());
        assert!(rack.says(&["timeline", "compute2"]).contains("not drained: the controller burns"));
    });
}

#[test]
fn a_node_that_does_not_come_for_errands_is_out_of_reach_and_needs_a_reason_when_it_was_ready() {
    inside(|| {
        let rack = Rack::powered();
        let token = rack.becomes_ready();
        let reimage = ["reimage", "compute2", "--yes", "--force", "--reason", "test"];
        let refused = rack.refuses(&reimage);
        assert!(refused.contains("compute2 cannot be spared now: nothing was armed"), "{refused}");
        assert!(refused.contains("--no-drain TEXT"), "{refused}");
        assert_eq!(rack.state(), "ready");
        // One that failed may be dead, and is to be made anew.
        assert_eq!(rack.posts(&format!("report/{token}"), "event=step-failed&seq=2"), "204");
        let armed = rack.says(&reimage);
        assert!(armed.contains("compute2 is being drained: it has to ask for errands, every 30 s"), "{armed}");
        assert!(armed.contains("compute2 is not drained: it has not asked for errands for 90 s: it cannot be reached"));
        assert!(armed.contains("compute2 is armed; reboot it now"), "{armed}");
    });
}
