//! Tells a full disk from a broken one. What found no room was never written, so the transaction is rolled back and the
//! store goes on. A disk that failed to sync, or that returns other bytes than were written, is never trusted again.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::database::Failed;
use super::private;

/// Bytes that must be free before the store reports that it has room; with less, the next change would fill the disk
/// again.
const ENOUGH: u64 = 1024 * 1024;
/// A file that is written and removed to find out whether the disk is full.
pub(super) const PROBE: &str = "room.probe";

/// The disk of the store is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoRoom {
    /// Since when, in Unix seconds.
    pub since: u64,
}

/// SQLITE_FULL.
const FULL: &str = "13";
/// Errors that SQLite returns for several reasons, one of which is a full disk (or a quota): SQLITE_IOERR_WRITE,
/// SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMOPEN, SQLITE_CANTOPEN (<https://www.sqlite.org/rescode.html>).
const PERHAPS: [&str; 4] = ["778", "4874", "4618", "14"];

/// Whether the error only means that there was no room.
pub(super) fn is_full(error: &Failed, directory: &Path) -> bool {
    match error {
        sqlx::Error::Io(error) => is_no_room(error),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(FULL) => true,
            Some(code) if PERHAPS.contains(&code) => probe(directory).is_err_and(|error| is_no_room(&error)),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a file could not be written only because there was no room.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether there is room for several changes.
pub(super) fn is_enough(directory: &Path) -> bool {
    let free = rustix::fs::statvfs(directory).map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    // If the file system does not say how much is free, only trying can tell.
    free.map_or(true, |free| free >= ENOUGH) && probe(directory).is_ok()
}

fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join(PROBE);
    private::gone(fs::remove_file(&path))?;
    let written = private::create(&path).and_then(|mut file| file.write_all(&[0; 64 * 1024]));
    private::gone(fs::remove_file(&path))?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_want_of_room_is_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let of = |number| is_full(&sqlx::Error::Io(io::Error::from_raw_os_error(number)), folder.path());
        assert!(of(28) && of(122), "ENOSPC and EDQUOT");
        assert!(!of(5) && !of(30), "EIO and EROFS");
        assert!(!is_full(&sqlx::Error::WorkerCrashed, folder.path()));
        assert!(is_enough(folder.path()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the probe leaves nothing");
    }
}
