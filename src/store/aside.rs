//! Stores that a restore moved aside: their names, the newest one, and how long they are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::open::FILE;
use super::private::gone;

/// The suffixes of the files that belong to an SQLite database.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];
const MARK: &str = ".before-epoch-";
/// A store that was moved aside this many days ago is removed by the next restore.
pub(crate) const KEPT_DAYS: u64 = 30;

/// A store that was moved aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aside {
    /// The path of its database.
    pub path: PathBuf,
    /// The epoch that replaced it.
    pub epoch: u64,
    /// When it was moved.
    since: SystemTime,
}

impl Aside {
    /// Whether it has been kept for long enough.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        // A clock that was set back makes nothing due.
        now.duration_since(self.since).is_ok_and(|age| age >= Duration::from_secs(KEPT_DAYS * 86_400))
    }

    fn remove(&self) -> io::Result<()> {
        // The database goes last: as long as a part of the store is there, the next restore finds it.
        PARTS.iter().rev().try_for_each(|part| gone(fs::remove_file(with(&self.path, part))))
    }
}

/// Every store that was moved aside in a state directory, the oldest first.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<Aside>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(FILE)?.strip_prefix(MARK)?.parse().ok());
        if let Some(epoch) = number {
            found.push(Aside { path: entry.path(), epoch, since: entry.metadata()?.modified()? });
        }
    }
    found.sort_by_key(|aside| aside.epoch);
    Ok(found)
}

/// Removes the stores that are due, and returns their paths.
pub(super) fn remove_due(directory: &Path, now: SystemTime) -> io::Result<Vec<PathBuf>> {
    let due: Vec<Aside> = list(directory)?.into_iter().filter(|aside| aside.is_due(now)).collect();
    due.iter().try_for_each(Aside::remove)?;
    Ok(due.into_iter().map(|aside| aside.path).collect())
}

/// The store that a restore replaces: the one in place, or the one that an interrupted restore has moved already.
pub(super) fn former(directory: &Path) -> io::Result<Option<PathBuf>> {
    let database = directory.join(FILE);
    if database.exists() {
        return Ok(Some(database));
    }
    let Some(Aside { path, .. }) = list(directory)?.pop() else { return Ok(None) };
    // The last commits may be in the write-ahead log, which was to follow its database.
    if !with(&path, "-wal").exists() {
        gone(fs::rename(with(&database, "-wal"), with(&path, "-wal")))?;
    }
    Ok(Some(path))
}

/// Moves the former store aside with its log, and `new` into its place. Returns the path of the former one, if there
/// was one.
pub(super) fn swap(directory: &Path, new: &Path, epoch: u64) -> io::Result<Option<PathBuf>> {
    let database = directory.join(FILE);
    let aside = directory.join(format!("{FILE}{MARK}{epoch}"));
    let mut former = None;
    // The database goes first: without it no daemon starts, whatever else happens.
    for part in PARTS {
        match fs::rename(with(&database, part), with(&aside, part)) {
            Ok(()) if part.is_empty() => {
                fs::File::open(&aside)?.set_modified(SystemTime::now())?;
                former = Some(aside.clone());
            }
            other => gone(other)?,
        }
    }
    fs::File::open(new)?.sync_all()?;
    fs::rename(new, &database)?;
    fs::File::open(directory)?.sync_all()?;
    Ok(former)
}

fn with(path: &Path, part: &str) -> PathBuf {
    PathBuf::from(format!("{}{part}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_of_long_ago_go_with_all_their_parts_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let names = ["rackstart.sqlite", "rackstart.sqlite.before-epoch-2", "rackstart.sqlite.before-epoch-2-wal"];
        let others = ["rackstart.sqlite.before-epoch-10", "rackstart.sqlite.before-epoch-x", "mine.before-epoch-3"];
        for name in names.iter().chain(&others) {
            fs::write(place(name), name).unwrap();
        }
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        let age = |name: &str, days: u32| fs::File::open(place(name)).unwrap().set_modified(now - day * days).unwrap();
        for name in [names[0], others[1], others[2]] {
            age(name, 1000);
        }
        age(names[1], 30);
        age(others[0], 29);
        let epochs = |found: &[Aside]| found.iter().map(|aside| aside.epoch).collect::<Vec<_>>();
        assert_eq!(epochs(&list(folder.path()).unwrap()), [2, 10], "by number, not by letter");
        assert!(remove_due(folder.path(), now - day * 2000).unwrap().is_empty(), "a clock that was put back");
        assert_eq!(remove_due(folder.path(), now).unwrap(), [place(names[1])]);
        assert!(!place(names[1]).exists() && !place(names[2]).exists());
        assert!(others.iter().chain(&names[..1]).all(|name| place(name).exists()));
    }
}
