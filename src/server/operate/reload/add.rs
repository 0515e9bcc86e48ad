//! Adds a node to the site file: the whole file is proved with it first, and replaced at once. No reload follows, so
//! that a person looks at what it would change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use super::Reloader;
use crate::audit::Actor;
use crate::config::{self, LoadError};

/// Why a node was not added; the file is as it was.
#[derive(Debug)]
pub(crate) enum NotAdded {
    /// The file with the node has mistakes, or cannot be read.
    Refused(LoadError),
    /// Somebody changed the file in between.
    Changed,
    /// The file cannot be written.
    Unwritable(io::Error),
    /// A bug, or the end of the daemon.
    Broken(String),
}

impl Reloader {
    /// Proves the site file with this block at its end. With `write`, replaces the file; the audit log records who
    /// ordered it.
    pub(crate) async fn add_node(&self, who: &Actor, name: &str, block: String, write: bool) -> Result<(), NotAdded> {
        let _guard = self.one_at_a_time.lock().await;
        let source = self.source.clone();
        let work = move || {
            let before =
                config::read_text(&source.file).map_err(|why| NotAdded::Refused(LoadError::Unreadable(why)))?;
            let after = config::with_block(&before, &block);
            config::read_as(&source.file, &after, source.templates.as_deref()).map_err(NotAdded::Refused)?;
            if write { replace(&source.file, &before, &after) } else { Ok(()) }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| NotAdded::Broken(error.to_string()))??;
        if write {
            let detail = format!("to {}", self.source.file.display());
            let audited = self.store.audit(who, "add-node", name, &detail).await;
            audited.map_err(|error| NotAdded::Broken(format!("the audit log has no line of it: {error}")))?;
        }
        Ok(())
    }
}

/// Replaces a file at once: whoever reads it finds the old text or the new one. Owner, group and mode stay.
fn replace(file: &Path, before: &str, after: &str) -> Result<(), NotAdded> {
    let write = || -> io::Result<bool> {
        // The file itself is replaced, not a link to it.
        let file = file.canonicalize()?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        let meta = fs::metadata(&file)?;
        let beside = folder.join(format!(".rackstart-{}.new", std::process::id()));
        let _ = fs::remove_file(&beside);
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let written = (|| {
            new.write_all(after.as_bytes())?;
            if new.metadata()?.uid() != meta.uid() || new.metadata()?.gid() != meta.gid() {
                chown(&beside, Some(meta.uid()), Some(meta.gid()))?;
            }
            new.set_permissions(fs::Permissions::from_mode(meta.permissions().mode() & 0o7777))?;
            new.sync_all()?;
            if fs::read(&file)? != before.as_bytes() {
                return Ok(false);
            }
            fs::rename(&beside, &file)?;
            File::open(folder)?.sync_all()?;
            Ok(true)
        })();
        if !matches!(written, Ok(true)) {
            let _ = fs::remove_file(&beside);
        }
        written
    };
    match write() {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotAdded::Changed),
        Err(error) => Err(NotAdded::Unwritable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_never_after_somebody_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.toml"), folder.path().join("link.toml"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(matches!(replace(&file, "old", "lost"), Err(NotAdded::Changed)));
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }
}
