//! What one repository has of the names that were asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::Version;

/// What one repository has of the names that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The newest version of each package, by its own name.
    pub(super) packages: BTreeMap<String, Version>,
    /// Names that packages provide in addition to their own.
    pub(super) provided: BTreeSet<String>,
    /// Ids and names of groups and environments; none when the repository has no groups.
    pub(super) groups: Option<BTreeSet<String>>,
    /// The number of packages in the repository, asked for or not.
    pub(super) count: usize,
    /// Whether one of its files is compressed with zstd, which is the default of createrepo_c 1.0 and later.
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

    /// Whether there is a group or environment with this id or name.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.contains(group))
    }

    /// The number of packages in the repository.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
