//! Reads the key of the secrets from where the site file says it is.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::site::KeySource;

/// The shortest key, in bytes.
const MIN_KEY_BYTES: usize = 16;

/// Why the key is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file cannot be read.
    #[error(
        "cannot read the key of the secrets {path}: {source}; give it to the user of the daemon with `chown`, mode 600"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file does not exist.
    #[error(
        "there is no key of the secrets at {path}; if the secrets were never sealed, make one with `head -c 32 /dev/urandom | base64 > {path}` \
             and keep a copy elsewhere; if they were, put the copy back, or correct `[secrets]`; if no copy is left, make a key and \
             then new secrets with `rackstart secrets rekey --new-secrets`"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Other users may read it.
    #[error("the key of the secrets {path} can be read by others (mode {mode:o}); run `chmod 600 {path}`")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is too short.
    #[error(
        "the key of the secrets {0} has fewer than {MIN_KEY_BYTES} bytes; if it was cut short, put its copy back; else \
             `head -c 32 /dev/urandom | base64` makes a good one"
    )]
    Short(PathBuf),
    /// systemd passed no credentials: the unit lacks `LoadCredential`.
    #[error("systemd gave rackstart no credentials; add `LoadCredential={0}:/etc/rackstart/secrets.key` to its unit")]
    NoCredentials(String),
    /// A shell has no systemd credentials.
    #[error(
        "the site file names the systemd credential `{credential}`, which only the unit of the daemon is given; name the file that \
             `LoadCredential={credential}:FILE` takes it from with `{flag} FILE`, or start the daemon"
    )]
    AtShell {
        /// The credential's name.
        credential: String,
        /// The verb's option for the file.
        flag: &'static str,
    },
    /// Secrets that are sealed now could not be opened by the daemon.
    #[error(
        "the site file names no key of the secrets, so `{0}` would seal them with one that the daemon does not find; write `[secrets]` first"
    )]
    NotNamed(&'static str),
}

/// Reads the key; `None` when the site file names none. A line break at its end is not part of the key.
pub(crate) fn read(source: &KeySource) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
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

/// Like [`read`], for a verb at a shell: it may be given a file with the key, which is the only way if the site file
/// names a credential. `flag` is the option for that file.
pub(crate) fn read_at_shell(
    source: &KeySource,
    file: Option<&Path>,
    flag: &'static str,
) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    match (source, file) {
        (KeySource::None, Some(_)) => Err(KeyError::NotNamed(flag)),
        (_, Some(file)) => read_file(file, true).map(Some),
        (KeySource::Credential(name), None) if std::env::var_os("CREDENTIALS_DIRECTORY").is_none() => {
            Err(KeyError::AtShell { credential: name.clone(), flag })
        }
        (source, None) => read(source),
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
    if key.len() < MIN_KEY_BYTES { Err(KeyError::Short(path.into())) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_verb_at_a_shell_is_told_the_file_of_a_credential() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "correct horse battery").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let credential = KeySource::Credential("rackstart-key".into());
        let read = |source: &KeySource, file| read_at_shell(source, file, "--key-file");
        assert_eq!(read(&credential, Some(&path)).unwrap().unwrap().as_slice(), b"correct horse battery");
        let told = read(&credential, None).unwrap_err().to_string();
        assert!(told.contains("LoadCredential=rackstart-key:FILE") && told.contains("--key-file FILE"), "{told}");
        assert!(matches!(read(&KeySource::None, Some(&path)), Err(KeyError::NotNamed(_))));
        assert!(read(&KeySource::None, None).unwrap().is_none());
    }

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
        // An existing key must never be overwritten.
        std::fs::write(&path, "correct horse battery").unwrap();
        let there = super::read(&KeySource::File(path.join("below"))).unwrap_err().to_string();
        assert!(there.contains("chown") && !there.contains("urandom"), "{there}");
        assert!(super::read(&KeySource::None).unwrap().is_none());
    }
}
