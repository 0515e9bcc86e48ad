//! A fixed scenario is run once for each of its calls that change the disk: the process is killed at that call, or the
//! call fails. strace does both.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::facts::Acknowledged;
use super::{setting, victim};

/// The calls with which a store changes its disk, each alone, so that the n-th call is a point of its own. Calls are
/// counted for each thread and the first thread to reach a number is hit; the files are divided so that each group
/// belongs to one thread: SQLite's, or that of the anchor.
const POINTS: [(&str, &[&str]); 11] = [
    ("pwrite64", &["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-journal"]),
    ("fsync", &["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-journal"]),
    ("ftruncate", &["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-shm"]),
    ("unlink", &["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-shm", "rackstart.sqlite-journal"]),
    ("openat", &["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-shm", "rackstart.sqlite-journal"]),
    ("openat", &["anchor.json.new", "anchor.json"]),
    ("write", &["anchor.json.new"]),
    ("fsync", &["anchor.json.new"]),
    ("rename", &["anchor.json.new", "anchor.json"]),
    ("fsync", &[""]),
    ("mkdir", &[""]),
];

/// Calls like those of `POINTS` and the error with which each fails instead.
const FAULTS: [(&str, &str, &[&str]); 3] = [
    ("fsync", "EIO", &["rackstart.sqlite", "rackstart.sqlite-wal"]),
    ("fsync", "EIO", &["anchor.json.new"]),
    ("rename", "EROFS", &["anchor.json.new", "anchor.json"]),
];

/// Calls and files at which the disk can turn out to be full.
const FULL: [(&str, &[&str]); 4] = [
    ("pwrite64", &["rackstart.sqlite", "rackstart.sqlite-wal"]),
    ("openat", &["anchor.json.new"]),
    ("write", &["anchor.json.new"]),
    ("rename", &["anchor.json.new", "anchor.json"]),
];

/// One victim under strace, which hits call number `when`, and every later one if it `lasts`.
fn hit(place: &Path, call: &str, files: &[&str], what: &str, when: usize, lasts: bool) -> Output {
    let (program, words, environment) = victim::command(place, 1);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
    for file in files {
        strace.arg("-P").arg(if file.is_empty() { place.to_path_buf() } else { place.join(file) });
    }
    strace.arg("-e").arg(format!("inject={call}:{what}:when={when}{}", if lasts { "+" } else { "" }));
    strace.arg(program).args(words).envs(environment).stdout(Stdio::piped()).stderr(Stdio::piped());
    strace.output().expect("strace starts; `make setup` installs it")
}

/// Works on several points at once, as many as there are processors.
fn spread<T: Send + Sync>(points: Vec<T>, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let hands = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(point);
                }
            });
        }
    });
}

/// Every call number until the victim comes to its end untouched; returns how many hit.
fn every_call(call: &str, files: &[&str], what: &str, judge: impl Fn(&Output, &Path, &str)) -> usize {
    let stride = setting("CRASH_STRIDE", 1);
    for count in 0.. {
        let when = 1 + count * stride;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        // A disk that is broken stays broken; nobody is killed twice.
        let output = hit(&place, call, files, what, when, what.starts_with("error"));
        if output.status.success() {
            hold(&output, &place, "untouched");
            return count;
        }
        assert!(when < 2000, "{call} {what}: the scenario has no end");
        judge(&output, &place, &format!("{call} number {when} of {files:?}: {what}"));
    }
    unreachable!()
}

fn hold(output: &Output, place: &Path, when: &str) {
    let mut known = Acknowledged::default();
    known.read(&String::from_utf8_lossy(&output.stdout));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(known.hold_against(place, when));
}

#[test]
fn a_kill_at_every_call_that_changes_the_disk_loses_nothing() {
    let (began, hits) = (Instant::now(), AtomicUsize::new(0));
    spread(POINTS.to_vec(), |(call, files)| {
        let count = every_call(call, files, "signal=KILL", hold);
        eprintln!("{call} on {}: {count} points", files.join(", "));
        hits.fetch_add(count, Ordering::Relaxed);
    });
    let hits = hits.into_inner();
    eprintln!("{hits} crash points in {:?}", began.elapsed());
    assert!(hits * setting("CRASH_STRIDE", 1) > 100, "only {hits} points: did strace reach the victim?");
}

#[test]
fn a_disk_that_fails_ends_the_victim_and_nothing_is_acknowledged_that_is_not_there() {
    let hits = AtomicUsize::new(0);
    spread(FAULTS.to_vec(), |(call, error, files)| {
        let count = every_call(call, files, &format!("error={error}"), |output, place, when| {
            let code = output.status.code();
            assert!(code == Some(3) || code == Some(4), "{when}: the victim ended with {:?}", output.status);
            let mut known = Acknowledged::default();
            known.read(&String::from_utf8_lossy(&output.stdout));
            known.refused = None; // that it did not open under the fault is right
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(known.hold_against(place, when));
        });
        eprintln!("{call} fails with {error} on {}: {count} points", files.join(", "));
        hits.fetch_add(count, Ordering::Relaxed);
    });
    let hits = hits.into_inner();
    assert!(hits * setting("CRASH_STRIDE", 1) > 40, "only {hits} points: did strace reach the victim?");
}

#[test]
fn a_disk_that_is_full_ends_nothing_and_whoever_asks_again_is_served_once_there_is_room() {
    let hits = AtomicUsize::new(0);
    spread(FULL.to_vec(), |(call, files)| {
        let full = "error=ENOSPC";
        let judge = |output: &Output, place: &Path, when: &str| {
            let code = output.status.code();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(code == Some(5) || code == Some(4), "{when}, to the end: {:?} {said}", output.status);
            let mut known = Acknowledged::default();
            known.read(&String::from_utf8_lossy(&output.stdout));
            known.refused = None; // that it did not open on a full disk is right
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(known.hold_against(place, when));
            if code == Some(4) {
                return;
            }
            let number = when.split(' ').nth(2).unwrap().parse().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("state");
            let output = hit(&place, call, files, full, number, false);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{when}, once: {:?} {said}", output.status);
            hold(&output, &place, when);
        };
        let count = every_call(call, files, full, judge);
        eprintln!("{call} finds no room on {}: {count} points", files.join(", "));
        hits.fetch_add(count, Ordering::Relaxed);
    });
    let hits = hits.into_inner();
    assert!(hits * setting("CRASH_STRIDE", 1) > 30, "only {hits} points: did strace reach the victim?");
}
