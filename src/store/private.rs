//! Files that only one user may open. Those of a state directory belong to the directory's owner: root may work on the
//! store of the service, but must leave nothing that the service cannot open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::open::FILE;
use super::room::PROBE;

/// The files that the daemon opens when it starts.
pub(super) const KEPT: [&str; 5] = ["lock", FILE, "rackstart.sqlite-wal", "rackstart.sqlite-shm", "anchor.json"];

/// Files that killed work on a store leaves behind. All of them may contain passwords, and none is ever read again.
const LEFTOVERS: [&str; 9] = [
    "restore.new",
    "restore.new.new",
    "restore.new-journal",
    "restore.new-wal",
    "restore.new-shm",
    "backup.new",
    "backup.new-journal",
    "anchor.json.new",
    PROBE,
];

/// Creates a file in the state directory of the path; fails if it exists.
pub(super) fn create(path: &Path) -> io::Result<File> {
    hand_over(new_file(path)?, path)
}

/// Opens a file in a state directory for writing, and creates it if it does not exist. Links are not followed.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).custom_flags(flags).open(path);
    hand_over(file?, path)
}

/// Writes a file in a state directory, completely or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare(path, bytes)?;
    publish(path)
}

/// Writes the next content of a file in a state directory beside it; `publish` puts it in place.
pub(super) fn prepare(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare_with(path, bytes, hand_over)
}

/// Replaces the file by what was prepared.
pub(super) fn publish(path: &Path) -> io::Result<()> {
    fs::rename(new_name(path), path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Writes a file that only its owner, the user of this process, may read, completely or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare_with(path, bytes, |file, _| Ok(file))?;
    publish(path)
}

/// Gives a file in a state directory that root created or found to the owner of the directory.
fn hand_over(file: File, path: &Path) -> io::Result<File> {
    let (has, directory) = (file.metadata()?, fs::metadata(folder_of(path))?);
    let wanted = (directory.uid(), directory.gid());
    if (has.uid(), has.gid()) == wanted || !rustix::process::geteuid().is_root() {
        return Ok(file);
    }
    if has.nlink() != 1 {
        // Otherwise somebody could get any file of root's by linking to it.
        let why = format!("{} has another name elsewhere, so it was left alone; remove it", path.display());
        return Err(io::Error::other(why));
    }
    fchown(&file, Some(wanted.0), Some(wanted.1))?;
    Ok(file)
}

/// Gives the files that are kept in a state directory to the directory's owner.
pub(super) fn give_back(directory: &Path) -> io::Result<()> {
    let owner = fs::metadata(directory)?.uid();
    for path in KEPT.map(|name| directory.join(name)) {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.uid() != owner) {
            open_or_create(&path)?;
        }
    }
    Ok(())
}

/// Removes what killed work left in a state directory that nobody else uses.
pub(super) fn sweep(directory: &Path) -> io::Result<()> {
    let lie_there = LEFTOVERS.iter().map(|name| directory.join(name)).filter(|path| path.symlink_metadata().is_ok());
    lie_there.map(fs::remove_file).try_for_each(gone)
}

/// Removes a store that could not be created completely. The anchor file goes first: left alone, it would say that a
/// store was lost.
pub(super) fn unmake(directory: &Path) -> io::Result<()> {
    let (lock, store) = KEPT.split_first().expect("it is not empty");
    debug_assert_eq!(*lock, "lock", "which whoever calls this holds");
    store.iter().rev().map(|name| fs::remove_file(directory.join(name))).try_for_each(gone)?;
    sweep(directory)
}

/// The directories that do not exist before a state directory is made, the deepest first.
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Looks before the directory is made.
    pub(super) fn before(directory: &Path) -> Self {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err();
        Self(directory.ancestors().take_while(missing).map(Path::to_path_buf).collect())
    }

    /// Removes them again, if nothing but the lock was put there. A directory that was there before keeps its lock:
    /// somebody may be waiting for it.
    pub(super) fn unmake(&self) {
        let Some(directory) = self.0.first() else { return };
        let others = |entry: io::Result<fs::DirEntry>| entry.map_or(true, |entry| entry.file_name() != KEPT[0]);
        if fs::read_dir(directory).is_ok_and(|entries| !entries.into_iter().any(others)) {
            let _ = fs::remove_file(directory.join(KEPT[0]));
            let _ = self.0.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// A file that does not exist counts as removed.
pub(super) fn gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn prepare_with(path: &Path, bytes: &[u8], made: impl FnOnce(File, &Path) -> io::Result<File>) -> io::Result<()> {
    let new = new_name(path);
    // A file that is there is left from an interrupted call, or from somebody who wants another file overwritten: it is
    // never followed.
    gone(fs::remove_file(&new))?;
    let file = new_file(&new)?;
    let written = made(file, &new).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    if written.is_err() {
        // A part of it is of no use, and takes room on a disk that may be full.
        let _ = fs::remove_file(&new);
    }
    written
}

fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::super::{OpenError, Store, restore};
    use super::*;
    use crate::audit::{Actor, Order};
    use crate::site::testing::paper_site;

    #[test]
    fn a_link_that_was_planted_beside_a_backup_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, file) = (folder.path().join("target"), folder.path().join("backup"));
        fs::write(&target, "not ours").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("backup.new")).unwrap();
        write_private(&file, b"ours").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"not ours");
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
        assert_eq!(fs::read(&file).unwrap(), b"ours");
    }

    /// Only root may give files away, so nobody else can test that it happens; the tests of the project run as root.
    fn of_a_service(place: &Path) -> Option<(u32, u32)> {
        let service = (61_234, 61_235);
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(place).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        (is_root && std::os::unix::fs::chown(place, Some(service.0), Some(service.1)).is_ok()).then_some(service)
    }

    fn all_belong_to(service: (u32, u32), place: &Path) -> usize {
        let files: Vec<_> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap()).collect();
        for file in &files {
            let found = file.metadata().unwrap();
            assert_eq!((found.uid(), found.gid()), service, "{:?}", file.path());
            assert_eq!(found.mode() & 0o777, 0o600, "{:?}", file.path());
        }
        files.len()
    }

    #[tokio::test]
    async fn whatever_root_does_to_the_store_of_a_service_stays_the_services() {
        let folder = tempfile::tempdir().unwrap();
        let (place, file) = (folder.path().join("state"), folder.path().join("backup"));
        let Some(service) = of_a_service(&place) else { return };
        let site = paper_site();
        let order = || Order::new(&Actor::console(0), "restore", "backup");
        let (key, other) = (b"the former key of the site", b"the new key of this same site");
        let (store, task) = Store::open(&place).await.unwrap();
        store.open_secrets(Some(key), &site.blueprint).await.unwrap();
        store.rekey(key, other, order()).await.unwrap();
        write_private(&file, &store.backup(true).await.unwrap()).unwrap();
        assert!(all_belong_to(service, &place) >= 5, "lock, anchor, database, its log and its index");
        close(store, task).await;
        restore(&place, &file, order(), false).await.unwrap();
        let (_store, _task) = Store::open(&place).await.unwrap();
        assert!(all_belong_to(service, &place) >= 6, "and the former store");
        assert_eq!(fs::metadata(&file).unwrap().uid(), 0, "a backup elsewhere stays root's");
    }

    #[tokio::test]
    async fn what_an_older_rackstart_left_to_root_is_given_back_unless_it_is_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        let Some(service) = of_a_service(&place) else { return };
        let (store, task) = Store::open(&place).await.unwrap();
        close(store, task).await;
        for name in ["lock", "anchor.json", "rackstart.sqlite"] {
            std::os::unix::fs::chown(place.join(name), Some(0), Some(0)).unwrap();
        }
        let (store, task) = Store::open(&place).await.unwrap();
        all_belong_to(service, &place);
        close(store, task).await;
        let of_root = folder.path().join("of root");
        fs::write(&of_root, "").unwrap();
        for is_soft in [false, true] {
            let lock = place.join("lock");
            fs::remove_file(&lock).unwrap();
            let planted =
                if is_soft { std::os::unix::fs::symlink(&of_root, &lock) } else { fs::hard_link(&of_root, &lock) };
            planted.unwrap();
            assert!(matches!(Store::open(&place).await, Err(OpenError::Directory { .. } | OpenError::Link(_))));
            assert_eq!(fs::metadata(&of_root).unwrap().uid(), 0, "a planted link gives nothing away");
        }
    }
}
