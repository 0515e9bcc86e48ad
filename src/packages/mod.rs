//! Packages of yum repositories: what their metadata says, and what a node needs that none of its repositories has.
//!
//! Pure: metadata arrives as a stream from wherever `media` opens it. Of a repository, only names that somebody asked
//! for are kept, so the largest one costs no more memory than the question.

mod checksum;
mod comps;
mod files;
mod metadata;
mod pieces;
mod primary;
mod repomd;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use checksum::{Algorithm, Checksum};
pub(crate) use checksum::{Hasher, sums};
pub use files::PackageFile;
pub use metadata::Metadata;
pub(crate) use repomd::{Kind, Part};
pub(crate) use version::Version;

/// Names that are looked up in repositories: packages, and whatever may be provided instead.
pub type Names = HashSet<String>;

/// Metadata that cannot be intended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub String);

/// Reads `repodata/repomd.xml`, which lists the other files.
pub fn index(text: &[u8]) -> Result<Vec<Part>, Damaged> {
    repomd::read(text)
}

/// Reads a `primary.xml` as text, and keeps what is in `names`.
pub fn primary(text: impl std::io::BufRead, names: &Names, metadata: &mut Metadata) -> Result<(), Damaged> {
    primary::read(text, names, metadata)
}

/// Hands every package file of a `primary.xml` to `each`, in the order of the list.
pub fn files(text: impl std::io::BufRead, each: &mut dyn FnMut(PackageFile)) -> Result<(), Damaged> {
    files::read(text, each)
}

/// Whether a relative path in metadata stays inside the repository, and is spelt in the one way that a folder has it.
pub(crate) fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(is_name) && !path.contains(['\\', '\0'])
}

/// Reads the groups in a `comps.xml` as text.
pub fn groups(text: impl std::io::BufRead, metadata: &mut Metadata) -> Result<(), Damaged> {
    comps::read(text, metadata)
}

/// What one kind of node needs: each package or group (with `@`), with those that need it, such as a step.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// Returns the needs that none of the repositories meets. Names with a leading `-` are not needed. Groups are only
/// looked for when a repository has groups at all.
pub(crate) fn missing<'a>(needs: &'a Needs, repositories: &[&Metadata]) -> Vec<(&'a str, &'a BTreeSet<String>)> {
    let has_groups = repositories.iter().any(|metadata| metadata.groups.is_some());
    let is_there = |name: &str| match name.strip_prefix("@^").or_else(|| name.strip_prefix('@')) {
        Some(group) => !has_groups || repositories.iter().any(|metadata| metadata.has_group(group)),
        None => name.starts_with('-') || repositories.iter().any(|metadata| metadata.has(name)),
    };
    needs.iter().filter(|(name, _)| !is_there(name)).map(|(name, by)| (name.as_str(), by)).collect()
}

/// Returns the newest version of a package in any of the repositories, which is what yum installs.
pub(crate) fn newest<'a>(name: &str, repositories: &[&'a Metadata]) -> Option<&'a Version> {
    repositories.iter().filter_map(|metadata| metadata.version(name)).max()
}

#[cfg(test)]
mod tests;
