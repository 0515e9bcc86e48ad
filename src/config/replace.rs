//! Replaces the site file by an edited one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Replaces a file at once: whoever reads it finds the old text or the new one. Owner, group and mode stay. Returns
/// `false`, and changes nothing, when the file is not what it was before.
pub(crate) fn replace(file: &Path, before: &str, after: &str) -> io::Result<bool> {
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
        assert!(replace(&link, "old", "new").unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!replace(&file, "old", "lost").unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }
}
