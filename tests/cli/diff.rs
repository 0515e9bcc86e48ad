//! `rackstart diff` with two files: its output and its exit codes.

use std::fs;
use std::process::{Command, Output};

use rackstart::config::EXAMPLE;
use tempfile::TempDir;

fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("tree/images/pxeboot")).unwrap();
    for file in [".treeinfo", "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"] {
        fs::write(folder.path().join("tree").join(file), "").unwrap();
    }
    folder
}

fn diff(edit: impl Fn(String) -> String, more: &[&str]) -> Output {
    let folder = place();
    let tree = format!("{}/tree", folder.path().display());
    let old = EXAMPLE.replace("/srv/rackstart/centos6", &tree);
    fs::write(folder.path().join("old.toml"), &old).unwrap();
    fs::write(folder.path().join("new.toml"), edit(old)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_rackstart"));
    program.current_dir(folder.path()).args(["diff", "old.toml", "new.toml"]).args(more);
    program.output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn two_equal_files_have_no_difference_and_exit_with_0() {
    let output = diff(|text| text + "\n# a comment changes nothing\n", &[]);
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "nothing would change\n"));
}

#[test]
fn a_changed_node_is_one_line_and_then_its_changes() {
    let output = diff(|text| text.replace("address = \"192.168.0.5\"", "address = \"192.168.0.50\""), &[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("every node: firstboot +1 -1"), "{text}");
    assert!(lines[1].starts_with("controller: firstboot +1 -1, kickstart +1 -1"), "{text}");
    assert!(lines[2].is_empty(), "{text}");
    assert!(text.contains("\n--- old/controller/kickstart\n+++ new/controller/kickstart\n@@ "), "{text}");
    assert!(text.contains("\n+ADDRESS='192.168.0.50'\n"), "{text}");
    assert!(!text.contains("compute2/"), "{text}");
}

#[test]
fn a_node_that_is_gone_and_one_that_is_new_are_told() {
    let output = diff(|text| text.replace("name = \"compute4\"", "name = \"compute9\""), &["--summary"]);
    let text = said(&output);
    assert!(text.contains("compute4: gone; ") && text.contains("compute9: new; "), "{text}");
    assert!(!text.contains("@@"), "{text}");
}

#[test]
fn a_file_that_cannot_be_compared_is_not_taken_for_a_difference() {
    let output = diff(|text| text.replace("role = \"gateway\"", "role = \"gatway\""), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn without_a_daemon_and_without_two_files_it_says_so() {
    let folder = place();
    let mut program = Command::new(env!("CARGO_BIN_EXE_rackstart"));
    let output = program.current_dir(folder.path()).args(["diff", "--socket", "/nonexistent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_needs_a_restart_is_told_and_programs_get_all_of_it_as_json() {
    let edit = |text: String| text.replace("interface = \"eth0\"", "interface = \"eth7\"");
    let output = diff(edit, &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("note: `server.interface` changes from eth0 to eth7, which needs a restart"), "{text}");
    let output = diff(edit, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(told["restarts"].as_array().unwrap().len(), 1, "{told}");
    let output = diff(|text| text.replace("\"192.168.0.5\"", "\"192.168.0.50\""), &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(told["changes"][1]["who"], "controller", "{told}");
    assert!(told["changes"][1]["diffs"]["firstboot/env"].as_str().unwrap().contains("+ADDRESS="), "{told}");
    let same = diff(|text| text, &["--json"]);
    assert_eq!(same.status.code(), Some(0));
    assert!(said(&same).contains("\"changes\": []"));
}
