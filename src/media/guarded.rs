//! What nobody may fetch, under whatever name: files are known by device and inode, so that a hard link or a bind mount
//! of one inside a served folder is found.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the list of guarded files is trusted; a file that is younger may be missed. Somebody who can link it that
/// fast can also copy it.
const FRESH: Duration = Duration::from_secs(1);

/// Device number and inode number.
type Identity = (u64, u64);
type Known = HashMap<Identity, PathBuf>;

/// The guarded files, which are searched again when the list is too old.
#[derive(Debug, Default)]
pub struct Guarded {
    places: Vec<PathBuf>,
    known: Mutex<Option<(Instant, Arc<Known>)>>,
}

impl Guarded {
    /// Guards these files, and for folders everything below them.
    pub(crate) fn of(places: &[PathBuf]) -> Self {
        Self { places: places.to_vec(), known: Mutex::default() }
    }

    /// The guarded file that is the same as this one, by the path it has where it is guarded.
    pub(super) fn find(&self, file: &File) -> std::io::Result<Option<PathBuf>> {
        Ok(self.find_by(&file.metadata()?))
    }

    /// Like [`Self::find`], for a file that is not open.
    fn find_by(&self, file: &Metadata) -> Option<PathBuf> {
        let known = self.known();
        let path = known.get(&identity(file))?;
        // The inode number of a deleted file may belong to a new one elsewhere by now.
        let is_there = path.symlink_metadata().is_ok_and(|there| identity(&there) == identity(file));
        is_there.then(|| path.clone())
    }

    /// The guarded file at this path, given the inode number from a folder's listing; looked at only when it may be
    /// one.
    pub(super) fn find_entry(&self, path: &Path, inode: u64, inodes: &Inodes) -> Option<PathBuf> {
        inodes.0.contains(&inode).then(|| self.find_by(&path.symlink_metadata().ok()?)).flatten()
    }

    /// The inode numbers of all guarded files.
    pub(super) fn inodes(&self) -> Inodes {
        Inodes(self.known().keys().map(|(_, inode)| *inode).collect())
    }

    /// Whether a file is surely none of them, by the list as it is now; false when that list is too old.
    pub(super) fn surely_lack(&self, file: &File) -> bool {
        let Ok(known) = self.known.try_lock() else { return false };
        let Some((_, known)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) else { return false };
        file.metadata().is_ok_and(|file| !known.contains_key(&identity(&file)))
    }

    fn known(&self) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, known)) if at.elapsed() < FRESH => known.clone(),
            _ => {
                let found = Arc::new(files(&self.places));
                *known = Some((Instant::now(), found.clone()));
                found
            }
        }
    }
}

/// Inode numbers of guarded files, on whatever device.
pub(super) struct Inodes(std::collections::HashSet<u64>);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// All files at these places and below. A file that is absent, or that this process cannot look at, cannot be linked by
/// it either.
fn files(places: &[PathBuf]) -> Known {
    let mut known = Known::new();
    let mut left = Vec::new();
    for place in places {
        match place.metadata() {
            Ok(file) if file.is_dir() => left.push(place.clone()),
            Ok(file) => drop(known.insert(identity(&file), place.canonicalize().unwrap_or_else(|_| place.clone()))),
            Err(_) => {}
        }
    }
    while let Some(folder) = left.pop() {
        let Ok(entries) = folder.read_dir() else { continue };
        for entry in entries.flatten() {
            let Ok(file) = entry.metadata() else { continue };
            match file.is_dir() {
                true => left.push(entry.path()),
                false => drop(known.insert(identity(&file), entry.path())),
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_file_is_known_by_every_name_and_no_other_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("state/logs")).unwrap();
        std::fs::create_dir(at("tree")).unwrap();
        for name in ["state/store", "state/logs/node1", "key", "tree/own"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::fs::hard_link(at("state/logs/node1"), at("tree/log")).unwrap();
        std::fs::hard_link(at("key"), at("tree/key")).unwrap();
        std::fs::hard_link(at("tree/own"), at("tree/own too")).unwrap();
        let guarded = Guarded::of(&[at("state"), at("key"), at("not there")]);
        let find = |name: &str| guarded.find(&File::open(at(name)).unwrap()).unwrap();
        assert_eq!(find("tree/log"), Some(at("state/logs/node1")));
        assert_eq!(find("tree/key"), Some(at("key")));
        assert_eq!((find("tree/own"), find("tree/own too")), (None, None));
        // A file that was added later is found after a while, and one that was removed is forgotten.
        std::fs::write(at("state/later"), "later").unwrap();
        std::fs::hard_link(at("state/later"), at("tree/later")).unwrap();
        std::fs::remove_file(at("state/logs/node1")).unwrap();
        assert_eq!(find("tree/log"), None, "nothing guarded any more");
        std::thread::sleep(FRESH);
        assert_eq!(find("tree/later"), Some(at("state/later")));
        assert_eq!(Guarded::default().find(&File::open(at("key")).unwrap()).unwrap(), None);
    }
}
