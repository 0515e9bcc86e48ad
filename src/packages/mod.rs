//! Packages of yum repositories: what their metadata says, and what a node needs that no repository of its own has.
//!
//! Pure: metadata arrives as a stream, from wherever `media` opens it. Of a repository only those names are kept that
//! somebody asked for, so that the largest one costs no more memory than the question.

mod checksum;
mod comps;
mod metadata;
mod pieces;
mod primary;
mod repomd;
mod version;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub(crate) use checksum::{Algorithm, Checksum, Hasher};
pub use metadata::Metadata;
pub(crate) use repomd::{Kind, Part};
pub(crate) use version::Version;

/// Names that somebody asks of repositories: packages, and whatever may be provided instead.
pub type Names = HashSet<String>;

/// Metadata that cannot be what a repository means to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub String);

/// Reads `repodata/repomd.xml`: which other files there are.
pub fn index(text: &[u8]) -> Result<Vec<Part>, Damaged> {
    repomd::read(text)
}

/// Reads a `primary.xml`, as text, and keeps what is in `names`.
pub fn primary(text: impl std::io::BufRead, names: &Names, metadata: &mut Metadata) -> Result<(), Damaged> {
    primary::read(text, names, metadata)
}

/// Reads a `comps.xml`, as text: the groups.
pub fn groups(text: impl std::io::BufRead, metadata: &mut Metadata) -> Result<(), Damaged> {
    comps::read(text, metadata)
}

/// What one kind of node needs: each package or group (with `@`) with who needs it, such as a step.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// Returns what none of the repositories has. Names with a leading `-` are not needed. A group is known only where a
/// repository has groups at all.
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
