//! What is served and what is secret lie apart: the state directory, a key and the site file are in no served folder.
//!
//! Links inside a served folder lead nowhere else (`media` sees to that), so a folder of its own beside the site file or
//! beside a key is right. The state directory is rackstart's alone: nothing served lies in it either.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use crate::site::{KeySource, Site};

/// A path that is served, and where the site file says so.
pub(super) struct ServedPath {
    /// Such as "install tree `centos6`".
    pub owner: String,
    pub path: PathBuf,
    pub at: Range<usize>,
}

/// What nobody may fetch.
struct Guarded {
    what: &'static str,
    path: PathBuf,
    /// Whether everything below it is guarded too.
    whole: bool,
}

/// The paths that nobody may fetch anything from, whatever name leads there.
pub(super) fn guarded(site: &Site, site_file: &Path) -> Vec<PathBuf> {
    places(site, site_file).into_iter().map(|guarded| guarded.path).collect()
}

/// Reports every served path that would show what nobody may fetch.
pub(super) fn check(site: &Site, site_file: &Path, served: &[ServedPath]) -> Vec<Problem> {
    let guarded = places(site, site_file);
    served.iter().filter_map(|served| judge(served, &real(&served.path), &guarded)).collect()
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

fn judge(served: &ServedPath, path: &Path, guarded: &[Guarded]) -> Option<Problem> {
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

/// The path without links, also of what is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let known = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match known {
        // To join nothing adds a slash, and no file has one behind its name.
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
