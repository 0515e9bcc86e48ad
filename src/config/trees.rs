//! Which releases the nodes expect of each install tree, and what a `.treeinfo` says about the tree. Reads no file.

use std::ops::Range;
use std::path::PathBuf;

use super::site_file::SiteFile;
use crate::site::{Distribution, Release};

/// An install tree to examine.
pub(super) struct TreeUse {
    /// The name of the tree; empty when it could not be read.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// Where the path is written.
    pub at: Range<usize>,
    /// The releases that nodes want to install from it, each once.
    pub releases: Vec<Release>,
}

/// Returns every install tree whose path could be read.
pub(super) fn uses(file: &SiteFile<'_>) -> Vec<TreeUse> {
    let mut uses = Vec::new();
    for tree in &file.trees {
        let Some(path) = &tree.path else { continue };
        let mut releases = Vec::new();
        for node in &file.nodes {
            let all = file.defaults_of(node);
            if let (Some(name), Some(own), Some(release)) = (&all.install_tree, &tree.name, &all.release)
                && name.get_ref() == own.get_ref()
                && !releases.contains(release.get_ref())
            {
                releases.push(*release.get_ref());
            }
        }
        let name = tree.name.as_ref().map_or("", |name| name.get_ref()).to_string();
        uses.push(TreeUse { name, path: path.get_ref().into(), at: path.span(), releases });
    }
    uses
}

/// Returns the name that people use for the tree of a `.treeinfo`; none when it has none, or none that a screen can
/// show.
pub(super) fn distribution(treeinfo: &str) -> Option<Distribution> {
    Distribution::new(general(treeinfo, "family")?, version(treeinfo)?)
}

/// Returns the version in a `.treeinfo` as written; none when there is none.
pub(super) fn version(treeinfo: &str) -> Option<&str> {
    general(treeinfo, "version")
}

/// Returns what a site file would call the release in a `.treeinfo`: its version as written, or `debian13` for a tree of
/// Debian; none when there is no version.
pub(super) fn release(treeinfo: &str) -> Option<String> {
    let version = version(treeinfo)?;
    Some(match general(treeinfo, "family") {
        Some("Debian") => format!("debian{}", number(version)),
        _ => version.to_string(),
    })
}

/// Returns the architecture in a `.treeinfo` as written; none when there is none.
pub(super) fn architecture(treeinfo: &str) -> Option<&str> {
    general(treeinfo, "arch")
}

fn general<'a>(treeinfo: &'a str, wanted: &str) -> Option<&'a str> {
    let mut in_general = false;
    for line in treeinfo.lines().map(str::trim) {
        if line.starts_with('[') {
            in_general = line == "[general]";
        } else if in_general
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == wanted
        {
            return Some(value.trim()).filter(|value| !value.is_empty());
        }
    }
    None
}

/// Whether a tree of that version, as [`release`] returns it, can be what a node means by its release. An unreadable
/// version may be anything but Debian.
pub(super) fn agrees(version: &str, release: Release) -> bool {
    let number = number(version);
    let Ok(tree) = number.parse::<Release>() else { return !number.starts_with("debian") && !release.is_debian() };
    // The kickstart syntax differs by minor only within EL6; later trees often state only the major.
    tree.major == release.major && (!release.is_el6() || !number.contains('.') || tree.minor == release.minor)
}

/// The major and minor numbers of a version with more parts: `9-stream`, `8.0.0`.
pub(super) fn number(version: &str) -> String {
    let number = version.split('-').next().unwrap_or(version);
    number.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_general_section() {
        let text = "[header]\nversion = 1.2\n[general]\nfamily = CentOS\nversion = 6.10\n";
        assert_eq!(version(text), Some("6.10"));
        assert_eq!(version("[general]\nfamily = CentOS\n"), None);
        assert_eq!(architecture("[general]\narch = i386\nversion = 6.10\n"), Some("i386"));
    }

    #[test]
    fn minors_matter_on_el6_only() {
        let release = |text: &str| text.parse::<Release>().unwrap();
        assert!(!agrees("6.3", release("6.10")));
        assert!(agrees("6.10", release("6.10")));
        assert!(agrees("9-stream", release("9")));
        assert!(agrees("7", release("7.4")));
        assert!(!agrees("7", release("6.10")));
        assert!(agrees("rawhide", release("10")));
        assert!(agrees("8.0.0", release("8")));
        assert!(!agrees("8.0.0", release("9")));
    }

    #[test]
    fn a_tree_of_debian_is_for_nodes_of_debian_alone() {
        let release = |text: &str| text.parse::<Release>().unwrap();
        let tree = |family: &str, version: &str| {
            super::release(&format!("[general]\nfamily = {family}\nversion = {version}\n")).unwrap()
        };
        assert_eq!((tree("Debian", "13").as_str(), tree("CentOS", "6.10").as_str()), ("debian13", "6.10"));
        assert!(agrees("debian13", release("debian13")));
        for (held, wanted) in [("debian13", "10"), ("debian12", "debian13"), ("debian12", "9"), ("10", "debian13")] {
            assert!(!agrees(held, release(wanted)), "{held} {wanted}");
        }
        assert!(!agrees("rawhide", release("debian13")));
    }

    #[test]
    fn a_tree_is_called_what_its_maker_calls_it() {
        let named = |family: &str, version: &str| {
            let text = format!(
                "[general]\n; WARNING.0 = old\nfamily = {family}\nversion = {version}\n[release]\nversion = 1\n"
            );
            distribution(&text).map(|name| name.to_string())
        };
        for (family, version) in [
            ("CentOS", "6.3"),
            ("CentOS Stream", "10"),
            ("Red Hat Enterprise Linux", "8.0.0"),
            ("Rocky Linux", "9.5"),
            ("AlmaLinux", "9"),
            ("Oracle Linux Server", "9.3"),
        ] {
            assert_eq!(named(family, version).unwrap(), format!("{family} {version}"));
        }
        assert_eq!(named("", "9"), None);
        assert_eq!(distribution("[release]\nfamily = x\nversion = 9\n"), None);
    }
}
