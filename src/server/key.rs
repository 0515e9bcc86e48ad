//! Fetches the key of the secrets from where the site file says.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::site::KeySource;

/// Fewer bytes are no key.
const LEAST: usize = 16;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error(
        "cannot read the key of the secrets {path}: {source}; give it to the user of the daemon with `chown`, mode 600"
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is none.
    #[error(
        "there is no key of the secrets at {path}; if the secrets were never sealed, make one with `head -c 32 /dev/urandom | base64 > {path}` \
             and keep a copy elsewhere; if they were, put the copy back, or mend `[secrets]`"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the key of the secrets {path} can be read by others (mode {mode:o}); run `chmod 600 {path}`")]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is too short.
    #[error(
        "the key of the secrets {0} has fewer than {LEAST} bytes; `head -c 32 /dev/urandom | base64` makes a good one"
    )]
    Short(PathBuf),
    /// Not started by systemd with that credential.
    #[error("systemd gave rackstart no credentials; add `LoadCredential={0}:/etc/rackstart/secrets.key` to its unit")]
    NoCredentials(String),
}

/// Reads the key; none when the site file names none. A line break at its end is not part of it.
pub fn read(source: &KeySource) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    match source {
        KeySource::None => Ok(None),
        KeySource::File(path) => read_file(path, true).map(Some),
        KeySource::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
            let folder = folder.ok_or_else(|| KeyError::NoCredentials(name.clone()))?;
            // systemd gives the directory to this service alone; its modes are systemd's business.
            read_file(&Path::new(&folder).join(name), false).map(Some)
        }
    }
}

fn read_file(path: &Path, check_mode: bool) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let fail = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => KeyError::Missing { path: path.into() },
        _ => KeyError::Read { path: path.into(), source },
    };
    let mode = std::fs::metadata(path).map_err(fail)?.mode() & 0o777;
    if check_mode && mode & 0o077 != 0 {
        return Err(KeyError::Mode { path: path.into(), mode });
    }
    let mut key = Zeroizing::new(std::fs::read(path).map_err(fail)?);
    while key.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        key.pop();
    }
    if key.len() < LEAST { Err(KeyError::Short(path.into())) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_long_enough_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |content: &str, mode| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            super::read(&KeySource::File(path.clone()))
        };
        assert_eq!(read("correct horse battery\n", 0o600).unwrap().unwrap().as_slice(), b"correct horse battery");
        assert!(matches!(read("correct horse battery", 0o640), Err(KeyError::Mode { mode: 0o640, .. })));
        assert!(matches!(read("short\n", 0o600), Err(KeyError::Short(_))));
        std::fs::remove_file(&path).unwrap();
        let missing = super::read(&KeySource::File(path.clone())).unwrap_err().to_string();
        assert!(missing.contains("head -c 32 /dev/urandom"), "{missing}");
        // A key that is there is never to be written over.
        std::fs::write(&path, "correct horse battery").unwrap();
        let there = super::read(&KeySource::File(path.join("below"))).unwrap_err().to_string();
        assert!(there.contains("chown") && !there.contains("urandom"), "{there}");
        assert!(super::read(&KeySource::None).unwrap().is_none());
    }
}
