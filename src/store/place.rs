//! Where the state directory is: on a disk of this machine, owned by the user of the daemon, open to nobody else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::open::OpenError;
use super::private;

/// How well a file system keeps what is written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// It is shared with other machines: its locks and its syncs promise less than SQLite needs.
    Elsewhere(&'static str),
    /// It is lost with a restart of the machine or the container.
    NotLong(&'static str),
}

/// File systems by their numbers in statfs(2).
const KINDS: [(u64, Keeps); 9] = [
    (0x6969, Keeps::Elsewhere("NFS")),
    (0x517b, Keeps::Elsewhere("SMB")),
    (0xff53_4d42, Keeps::Elsewhere("CIFS")),
    (0xfe53_4d42, Keeps::Elsewhere("SMB2")),
    (0x0102_1997, Keeps::Elsewhere("9P")),
    (0x00c3_6400, Keeps::Elsewhere("Ceph")),
    (0x0102_1994, Keeps::NotLong("tmpfs")),
    (0x8584_58f6, Keeps::NotLong("ramfs")),
    (0x794c_7630, Keeps::NotLong("overlay")),
];

/// Refuses a place that does not keep what it acknowledged, and warns of one that is lost with a restart.
pub(super) fn check(directory: &Path) -> Result<(), OpenError> {
    let fail = |source| OpenError::Directory { path: directory.into(), source };
    let found = rustix::fs::statfs(directory).map_err(|error| fail(error.into()))?;
    // The type is signed on some machines; only its bits count.
    #[allow(clippy::unnecessary_cast)]
    let number = found.f_type as u64 & 0xffff_ffff;
    match KINDS.iter().find(|(kind, _)| *kind == number) {
        Some((_, Keeps::Elsewhere(kind))) => Err(OpenError::Remote { path: directory.into(), kind }),
        Some((_, Keeps::NotLong(kind))) => {
            tracing::warn!(
                directory = %directory.display(),
                "the state directory is on {kind}, which is gone after a restart of the machine or the container: \
                 name one on a disk in `server.state`"
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// Checks the owner and permissions of the directory and of the files in it.
pub(super) fn owner(directory: &Path) -> Result<(), OpenError> {
    let own = rustix::process::geteuid().as_raw();
    for name in [""].into_iter().chain(private::KEPT) {
        let path = if name.is_empty() { directory.to_path_buf() } else { directory.join(name) };
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.file_type().is_symlink() && !name.is_empty() {
            return Err(OpenError::Link(path));
        }
        // Root may work on the store of another user, who remains its owner.
        if found.uid() != own && own != 0 {
            return Err(OpenError::Owner { path, uid: found.uid(), own });
        }
        let mode = found.permissions().mode() & 0o777;
        if !name.is_empty() && mode & 0o077 != 0 {
            let source = std::io::Error::other(format!("others may open it (mode {mode:o}); run `chmod 600` on it"));
            return Err(OpenError::Directory { path, source });
        }
    }
    Ok(())
}
