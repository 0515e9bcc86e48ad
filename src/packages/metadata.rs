//! What was found in one repository, of what was asked.

use std::collections::{BTreeMap, BTreeSet};

use super::Version;

/// What one repository has of the names that were asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The newest version of each package, by its own name.
    pub(super) packages: BTreeMap<String, Version>,
    /// Names that packages provide beside their own.
    pub(super) provided: BTreeSet<String>,
    /// Ids and names of groups and environments; none when the repository has no groups.
    pub(super) groups: Option<BTreeSet<String>>,
    /// How many packages the repository holds, asked for or not.
    pub(super) count: usize,
    /// Whether a file of it is compressed with zstd, as createrepo_c 1.0 and later do by themselves.
    pub has_zstd: bool,
}

impl Metadata {
    /// Whether a package has or provides the name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.packages.contains_key(name) || self.provided.contains(name)
    }

    /// The newest version of a package.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.packages.get(name)
    }

    /// Whether there is a group or environment of this id or name.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.contains(group))
    }

    /// How many packages the repository holds.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
