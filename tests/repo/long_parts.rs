//! `make test-long`: lists its parts, runs one, and writes down what came of it, also of a failure.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn part(folder: &Path, name: &str, body: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/bash\n# What: plays {name}\n# Takes: no time\n{body}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(folder: &Path, words: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/long/run");
    let run =
        Command::new(program).args(words).env("LONG_PARTS", folder).env("LONG_PAGE", folder.join("page.md")).output();
    run.unwrap()
}

#[test]
fn every_part_says_what_it_does_and_how_long_it_takes() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/long/run");
    let listed = String::from_utf8(Command::new(program).output().unwrap().stdout).unwrap();
    for line in listed.lines().skip(1) {
        let (name, said) = line.trim_start().split_once(' ').unwrap();
        let (what, takes) = said.trim().rsplit_once(" (").unwrap();
        assert!(what.len() > 10 && takes.len() > 2, "{name}: {line}");
    }
}

#[test]
fn a_part_that_passed_and_one_that_failed_both_leave_a_row_and_the_failed_one_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [good, bad] = ["passes", "fails"].map(|name| format!("played-{name}-{}", std::process::id()));
    part(folder.path(), &good, "echo before; echo 'long: 3 tries | nothing lost'");
    part(folder.path(), &bad, "touch \"$LONG_STATE/kept\"; echo 'long: 2 tries | one lost'; exit 3");
    let listed = String::from_utf8(run(folder.path(), &[]).stdout).unwrap();
    assert!(listed.contains("plays played-passes") && listed.contains("plays played-fails"), "{listed}");
    assert_eq!(run(folder.path(), &[&good]).status.code(), Some(0));
    assert_eq!(run(folder.path(), &[&bad]).status.code(), Some(3));
    assert_eq!(run(folder.path(), &["no-such-part"]).status.code(), Some(2));
    part(folder.path(), "needy", "# Needs: LONG_PARTS NOBODY_SETS_THIS\ntouch \"$0.ran\"");
    let needy = run(folder.path(), &["needy"]);
    assert_eq!(needy.status.code(), Some(2));
    let said = String::from_utf8_lossy(&needy.stderr).into_owned();
    assert!(
        said.starts_with("long: needy needs NOBODY_SETS_THIS: make test-long PART=needy NOBODY_SETS_THIS="),
        "{said}"
    );
    assert!(!folder.path().join("needy.ran").exists(), "and it leaves no row");
    let page = std::fs::read_to_string(folder.path().join("page.md")).unwrap();
    let rows: Vec<_> = page.lines().collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert!(rows[0].contains("| 3 tries |") && rows[0].ends_with("| nothing lost |"), "{page}");
    assert!(rows[1].contains("| 2 tries |") && rows[1].ends_with("| one lost **failed**, exit code 3 |"), "{page}");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/long").join(&bad);
    assert!(kept.join("kept").exists(), "it goes on there");
    assert!(!kept.with_file_name(&good).exists());
    part(folder.path(), &good, "touch \"$LONG_STATE/unfinished\"; echo 'long: 1 of 2 tries | so far'");
    assert_eq!(run(folder.path(), &[&good]).status.code(), Some(0));
    assert!(kept.with_file_name(&good).exists(), "it has more to do");
    std::fs::remove_dir_all(kept.with_file_name(&good)).unwrap();
    std::fs::remove_dir_all(kept).unwrap();
}
