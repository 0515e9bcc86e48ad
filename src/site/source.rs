//! Where software comes from: install trees, yum repositories, images of virtual machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Distribution, Node, Release, SignedChain, Site};
use crate::packages::Checksum;

/// An installation repository of CentOS or a derivative in a local directory or a disc image: `.treeinfo`,
/// `images/pxeboot/`, packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallTree {
    /// Name in URLs and in the site file.
    pub name: String,
    /// The directory or the disc image that is served.
    pub path: PathBuf,
    /// What its `.treeinfo` says it contains; none while that cannot be read.
    pub distribution: Option<Distribution>,
    /// Repositories in separate folders, as on the images of EL8 and later: `AppStream`, `BaseOS`.
    pub repositories: Vec<String>,
    /// Its signed loaders, for firmware with Secure Boot.
    pub signed: Vec<SignedChain>,
    /// What rackstart's own installer unpacks; none in a tree of Anaconda, and while it cannot be read.
    pub root: Option<RootArchive>,
}

/// The root file system of an installed Debian, as `rackstart image build` made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootArchive {
    /// What the installer must find in the archive; SHA-256.
    pub checksum: Checksum,
    /// The names of the packages in it.
    pub packages: BTreeSet<String>,
}

impl RootArchive {
    /// The archive in its install tree.
    pub const FILE: &str = "root.tar.zst";
    /// The list of packages beside it: a line `NAME VERSION` for each.
    pub const PACKAGES: &str = "packages";
}

/// A yum repository that is served in addition to the install trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Name in URLs, in yum and in the site file.
    pub name: String,
    /// The directory or the disc image that is served.
    pub path: PathBuf,
    /// The text of the public key with which its packages are signed; none means that signatures are not checked.
    pub gpg_key: Option<String>,
    /// Only nodes with one of these releases use it; empty means any.
    pub releases: Vec<ReleaseRule>,
    /// Only nodes with one of these roles, directly or by inclusion, use it; empty means any.
    pub roles: Vec<String>,
    /// Only nodes that are installed from one of these trees use it; empty means any.
    pub install_trees: Vec<String>,
    /// Expected versions of packages, wherever a node of this repository gets them from.
    pub expect: BTreeMap<String, String>,
    /// Folders below `path` that are repositories; an empty string stands for `path` itself.
    pub folders: Vec<String>,
}

/// A release in the site file that may leave the minor number open: `6.10`, or any `6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseRule {
    /// The release, with the last minor if that is open.
    pub release: Release,
    /// Whether a minor was given.
    pub has_minor: bool,
}

impl ReleaseRule {
    /// Whether the rule includes a node of that release.
    pub(crate) fn fits(self, release: Release) -> bool {
        self.release.major == release.major && (!self.has_minor || self.release.minor == release.minor)
    }
}

/// Formats of a virtual machine's disk, in the words of image stores.
pub const DISK_FORMATS: [&str; 6] = ["qcow2", "raw", "vhd", "vmdk", "vdi", "iso"];

/// An image of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name, which also occurs in URLs.
    pub name: String,
    /// The file that is served.
    pub path: PathBuf,
    /// The checksum that the file must have, here and on the node.
    pub checksum: Checksum,
    /// One of [`DISK_FORMATS`].
    pub format: String,
}

impl Repository {
    /// The names of its parts, and their paths below its URL: mostly one, with its own name and an empty path.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (String, &str)> {
        let name = |folder: &String| match folder.as_str() {
            "" => self.name.clone(),
            folder => format!("{}-{folder}", self.name),
        };
        self.folders.iter().map(move |folder| (name(folder), folder.as_str()))
    }
}

impl Site {
    /// The archive from which a node of Debian is installed; none for others, and while it cannot be read.
    pub(crate) fn root_of(&self, node: &Node) -> Option<&RootArchive> {
        self.install_tree(&node.install_tree).filter(|_| node.release.is_debian())?.root.as_ref()
    }

    /// The repositories of a node, in the order of the site file. None of yum's is for Debian.
    pub(crate) fn repositories_of<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Repository> {
        let targets = self.blueprint.targets(&node.role);
        self.repositories.iter().filter(move |repository| {
            !node.release.is_debian()
                && (repository.releases.is_empty() || repository.releases.iter().any(|rule| rule.fits(node.release)))
                && (repository.roles.is_empty() || repository.roles.iter().any(|role| targets.contains(role)))
                && (repository.install_trees.is_empty() || repository.install_trees.contains(&node.install_tree))
        })
    }

    /// Finds a repository by its name.
    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.name == name)
    }

    /// Finds an image by its name.
    pub(crate) fn image(&self, name: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.name == name)
    }

    /// The image for the trial at the end; none when none is named, and then no such machine is tried.
    pub(crate) fn test_image(&self) -> Option<&Image> {
        self.image(self.blueprint.variable(&self.blueprint.trial.as_ref()?.image)?)
    }
}
