//! How each file system is made and mounted: what the layout says, and what a release needs in addition.

use std::collections::BTreeMap;

use crate::site::{FileSystem, FileSystemOptions, Mib, Node};

use super::{Content, NodePlan};

/// The reach of 32-bit inode numbers on an XFS with inodes of 256 bytes.
const ONE_TIB: Mib = Mib(1 << 20);

/// The options of every mount point of a plan that has any.
pub(crate) fn of(node: &Node, plan: &NodePlan) -> BTreeMap<String, FileSystemOptions> {
    let mut all = node.layout.options.clone();
    for (mount, file_system, size) in mounted(plan) {
        if needs_inode64(node, file_system, size) {
            let options = all.entry(mount.into()).or_default();
            if !options.mount.as_deref().is_some_and(|options| options.contains("inode")) {
                options.mount = Some(format!("{},inode64", options.mount.as_deref().unwrap_or("defaults")));
            }
        }
    }
    all
}

/// Whether the file system needs `inode64`. EL6's mkfs.xfs makes inodes of 256 bytes, and its kernel keeps the inodes
/// of an XFS in the first TiB unless it is mounted with `inode64`: a large file system is then full while df still
/// shows room.
fn needs_inode64(node: &Node, file_system: FileSystem, size: Mib) -> bool {
    node.release.is_el6() && file_system == FileSystem::Xfs && size >= ONE_TIB
}

/// Every mount point with its file system and size, on partitions, mirrors and volumes.
fn mounted(plan: &NodePlan) -> impl Iterator<Item = (&str, FileSystem, Mib)> {
    let partitions = plan.disks.iter().flat_map(|disk| &disk.partitions).map(|one| (&one.content, one.size));
    let plain = partitions.chain(plan.arrays.iter().map(|array| (&array.content, array.at_least)));
    let plain = plain.filter_map(|(content, size)| match content {
        Content::Mount { mount, file_system } => Some((mount.as_str(), *file_system, size)),
        _ => None,
    });
    let volumes = plan.volume_groups.iter().flat_map(|group| &group.logical_volumes);
    plain.chain(volumes.filter_map(|volume| Some((volume.mount.as_deref()?, volume.file_system, volume.size))))
}
