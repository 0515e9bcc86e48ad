//! What is served and what is secret must lie apart: the state directory, a key and the site file may be in no served
//! folder.
//!
//! Links inside a served folder cannot lead outside (`media` sees to that), so a separate folder beside the site file
//! or a key is fine. The state directory is rackstart's alone, so nothing inside it may be served either.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use crate::site::{KeySource, Site};

/// A path that is served, and where the site file names it.
pub(super) struct ServedPath {
    /// Such as "install tree `centos6`".
    pub owner: String,
    pub path: PathBuf,
    pub at: Range<usize>,
}

/// Something that nobody may fetch.
struct Guarded {
    what: &'static str,
    path: PathBuf,
    /// Whether everything below it is guarded too.
    whole: bool,
}

/// The paths from which nobody may fetch anything, under whatever name.
pub(super) fn guarded(site: &Site, site_file: &Path) -> Vec<PathBuf> {
    places(site, site_file).into_iter().map(|guarded| guarded.path).collect()
}

/// Reports every served path that would expose something that nobody may fetch.
pub(super) fn check(site: &Site, site_file: &Path, served: &[ServedPath]) -> Vec<Problem> {
    let guarded = places(site, site_file);
    served.iter().filter_map(|served| exposes(served, &real(&served.path), &guarded)).collect()
}

fn places(site: &Site, site_file: &Path) -> Vec<Guarded> {
    let mut guarded = vec![
        Guarded { what: "the state directory", path: real(&site.server.state), whole: true },
        Guarded { what: "the site file", path: real(site_file), whole: false },
    ];
    let key = match &site.key {
        KeySource::None => None,
        KeySource::File(path) => Some(path.clone()),
        KeySource::Credential(name) => std::env::var_os("CREDENTIALS_DIRECTORY").map(|at| Path::new(&at).join(name)),
    };
    guarded.extend(key.map(|path| Guarded { what: "the key of the secrets", path: real(&path), whole: false }));
    guarded
}

fn exposes(served: &ServedPath, path: &Path, guarded: &[Guarded]) -> Option<Problem> {
    let help = "name a folder, or a file, that holds nothing else";
    let problem = |why: String| {
        let message = format!("the {} cannot be served from {}: {why}", served.owner, served.path.display());
        Some(Problem::new(served.at.clone(), message, help))
    };
    if path == Path::new("/") {
        return problem("it is the whole file system".into());
    }
    guarded.iter().find_map(|guarded| {
        let (what, place) = (guarded.what, guarded.path.display());
        if guarded.path == path {
            problem(format!("it is {what}"))
        } else if guarded.path.starts_with(path) {
            problem(format!("it holds {what} {place}"))
        } else if guarded.whole && path.starts_with(&guarded.path) {
            problem(format!("it lies in {what} {place}"))
        } else {
            None
        }
    })
}

/// The path with its links resolved, even if the end of it does not exist yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let known = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match known {
        // Joining nothing would add a slash, and a file has none after its name.
        Some((above, real)) if above == path => real,
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn a_served_path_neither_is_nor_holds_what_is_secret_and_lies_not_in_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        for name in ["etc/keys", "srv/tree", "state/logs", "etc/tree"] {
            std::fs::create_dir_all(place(name)).unwrap();
        }
        std::os::unix::fs::symlink(place("state"), place("srv/link")).unwrap();
        let mut site = paper_site();
        site.server.state = place("state");
        site.key = KeySource::File(place("etc/keys/key"));
        let why = |path: PathBuf| {
            let served = ServedPath { owner: "install tree `t`".into(), path, at: 0..1 };
            check(&site, &place("etc/rackstart.toml"), &[served]).pop().map(|problem| problem.message)
        };
        for (path, expected) in [
            (place("state"), "it is the state directory"),
            (folder.path().into(), "it holds the state directory"),
            (place("state/logs"), "it lies in the state directory"),
            (place("state/logs/later"), "it lies in the state directory"),
            (place("srv/link"), "it is the state directory"),
            (place("srv/link/logs/more"), "it lies in the state directory"),
            (place("etc"), "it holds the site file"),
            (place("etc/../etc/"), "it holds the site file"),
            (place("etc/keys"), "it holds the key of the secrets"),
            (place("etc/keys/key"), "it is the key of the secrets"),
            (place("etc/rackstart.toml"), "it is the site file"),
            ("/".into(), "it is the whole file system"),
        ] {
            let said = why(path.clone());
            assert!(said.as_ref().is_some_and(|said| said.contains(expected)), "{}: {said:?}", path.display());
        }
        for path in [place("srv/tree"), place("srv"), place("etc/tree"), place("state2"), place("etc/keys/tree")] {
            assert_eq!(why(path.clone()), None, "{}", path.display());
        }
    }
}
