//! The logs on the disk: one file for each attempt of a node, bounded in size and readable by rackstart alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::clock::unix_now;
use crate::site::NodeName;
use crate::timeline::utc;

/// The largest size of one log, in bytes.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024;
/// The largest size of all logs together, in bytes; the oldest are removed first.
const ALL: u64 = 2 * 1024 * 1024 * 1024;
/// Free bytes that are left to the store, or a tenth of the disk if that is less: with less free space no log is kept.
const FLOOR: u64 = 1024 * 1024 * 1024;
/// Logs kept per node; the oldest one is removed when an attempt begins a new one.
const PER_NODE: usize = 10;

/// One line of a node's installer, already sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub node: NodeName,
    /// The public id of the attempt.
    pub attempt: String,
    pub said: String,
}

/// The folder of all logs.
pub(super) struct Logs {
    folder: PathBuf,
    complained: u64,
    /// The largest size of all logs together, in bytes.
    all: u64,
    /// Total bytes of all logs; `None` before they were counted.
    held: Option<u64>,
}

/// Writes what comes until all senders are gone. The disk may be slow, so another thread waits for it.
pub(super) async fn write(mut logs: Logs, mut queue: mpsc::Receiver<Line>, most: usize) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, most).await > 0 {
        let lines = std::mem::take(&mut waiting);
        let work = move || {
            logs.append_all(&lines);
            logs
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(back) => logs = back,
            Err(error) => return tracing::error!(%error, "writing the installers' logs failed; they are lost"),
        }
    }
}

impl Logs {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, complained: 0, all: ALL, held: None }
    }

    fn append_all(&mut self, lines: &[Line]) {
        let now = unix_now();
        let time = utc(now);
        if !has_room(&self.folder) {
            return self.complain(now, "the disk is nearly full; the rest of it is for the store");
        }
        for part in lines.chunk_by(|a, b| (&a.node, &a.attempt) == (&b.node, &b.attempt)) {
            let text: String = part.iter().map(|line| format!("{time} {}\n", line.said)).collect();
            let written = self.append(part[0].node.as_str(), &part[0].attempt, &text);
            if let Err(error) = written {
                self.complain(now, &error.to_string());
            }
        }
    }

    /// A full disk stops no installation; it is logged once a minute.
    fn complain(&mut self, now: u64, why: &str) {
        if now >= self.complained.saturating_add(60) {
            self.complained = now;
            tracing::warn!(folder = %self.folder.display(), "cannot keep the installers' logs: {why}");
        }
    }

    /// Removes the oldest logs of all nodes until there is room for one more of full length; never the one that is
    /// being written.
    fn make_room_in_all(&mut self, current: &Path, more: u64) -> io::Result<()> {
        if self.held.is_some_and(|held| held.saturating_add(more) <= self.all) {
            return Ok(());
        }
        let mut logs = Vec::new();
        for node in fs::read_dir(&self.folder)? {
            for log in fs::read_dir(node?.path())? {
                let (path, found) = {
                    let log = log?;
                    (log.path(), log.metadata()?)
                };
                logs.push((found.modified()?, found.len(), path));
            }
        }
        logs.sort();
        let mut held: u64 = logs.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in logs.into_iter().filter(|(_, _, path)| path != current) {
            if held.saturating_add(more.max(LARGEST.min(self.all / 8))) <= self.all {
                break;
            }
            fs::remove_file(path)?;
            held -= size;
        }
        self.held = Some(held);
        Ok(())
    }

    fn append(&mut self, node: &str, attempt: &str, text: &str) -> io::Result<()> {
        let folder = self.folder.join(node);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{attempt}.log"));
        if !path.exists() {
            make_room(&folder)?;
        }
        let mut file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let size = file.metadata()?.len();
        let room = usize::try_from(LARGEST.saturating_sub(size)).unwrap_or(usize::MAX);
        if room == 0 {
            return Ok(());
        }
        let more = text.len().min(room) as u64;
        self.make_room_in_all(&path, more)?;
        self.held = self.held.map(|held| held + more);
        if text.len() < room {
            return file.write_all(text.as_bytes());
        }
        let end = format!("{} rackstart: this log is full", utc(unix_now()));
        let fits = text.floor_char_boundary(room.saturating_sub(end.len() + 1));
        let whole_lines = text[..fits].rfind('\n').map_or(0, |at| at + 1);
        file.write_all(&text.as_bytes()[..whole_lines])?;
        // Filled to the last byte, so that the size shows that it is full.
        let width = room - whole_lines - 1;
        file.write_all(format!("{end:.<width$}\n").as_bytes())
    }
}

/// Whether the disk has more free space than is reserved for the store; true if the free space is unknown.
fn has_room(folder: &Path) -> bool {
    let place = folder.ancestors().find(|place| place.exists()).unwrap_or(folder);
    rustix::fs::statvfs(place).map_or(true, |found| {
        let (free, size) =
            (found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize));
        free > FLOOR.min(size / 10)
    })
}

/// Removes the oldest logs of a node until there is room for one more.
fn make_room(folder: &Path) -> io::Result<()> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        logs.push((entry.metadata()?.modified()?, entry.path()));
    }
    logs.sort();
    let surplus = (logs.len() + 1).saturating_sub(PER_NODE);
    logs.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn line(attempt: &str, said: &str) -> Line {
        Line { node: "compute2".parse().unwrap(), attempt: attempt.into(), said: said.into() }
    }

    #[test]
    fn each_attempt_has_a_file_that_only_rackstart_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs::new(folder.path().join("logs"));
        logs.append_all(&[line("aa", "info anaconda: one"), line("aa", "info anaconda: two"), line("bb", "three")]);
        let path = folder.path().join("logs/compute2/aa.log");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("Z info anaconda: two\n"), "{text}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(mode(&folder.path().join("logs")), 0o700);
    }

    #[test]
    fn all_logs_together_have_an_end_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs { all: 100_000, ..Logs::new(folder.path().into()) };
        let of = |node: &str, said: &str| Line { node: node.parse().unwrap(), attempt: "aa".into(), said: said.into() };
        for node in 1..=20 {
            logs.append_all(&vec![of(&format!("compute{node}"), &"x".repeat(1000)); 20]);
            std::thread::sleep(std::time::Duration::from_millis(15)); // a file system tells times by the tick
        }
        let size =
            |node: u32| fs::metadata(folder.path().join(format!("compute{node}/aa.log"))).map_or(0, |log| log.len());
        let all: u64 = (1..=20).map(size).sum();
        assert!((50_000..=100_000).contains(&all), "{all}");
        assert!(size(20) > 20_000 && size(1) == 0);
    }

    #[test]
    fn a_log_ends_at_its_cap_with_a_word_and_old_ones_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs = Logs::new(folder.path().into());
        let long = "x".repeat(8000);
        for _ in 0..4 {
            logs.append_all(&vec![line("aa", &long); 200]);
        }
        let path = folder.path().join("compute2/aa.log");
        assert_eq!(fs::metadata(&path).unwrap().len(), LARGEST);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("this log is full").count(), 1);
        assert!(text.lines().all(|line| line.starts_with("20") && line.contains('Z')), "whole lines");
        for n in 0..20 {
            logs.append_all(&[line(&format!("{n:08}"), "x")]);
        }
        let kept = fs::read_dir(folder.path().join("compute2")).unwrap().count();
        assert_eq!(kept, PER_NODE);
        assert!(folder.path().join("compute2/00000019.log").exists());
    }
}
