//! What the boot loader and the installer of the release demand of `/` and `/boot`.

use crate::site::{FileSystem, Node, PartitionUse};

use super::{NodePlan, PlanError, Slot};

/// Checks what the boot loader and the installer of the release demand of `/` and `/boot`.
pub(crate) fn check(node: &Node) -> Result<(), PlanError> {
    let plain = |wanted: &str| {
        node.layout.partitions.iter().find_map(|spec| match &spec.purpose {
            PartitionUse::Mount { path, file_system } if path == wanted => Some(*file_system),
            _ => None,
        })
    };
    let mut volumes = node.layout.volume_groups.iter().flat_map(|group| &group.logical_volumes);
    if volumes.clone().any(|volume| volume.mount.as_deref() == Some("/boot")) {
        return Err(PlanError::BootOnVolume { node: node.name.clone() });
    }
    let root = volumes.find(|volume| volume.mount.as_deref() == Some("/")).map(|volume| volume.file_system);
    let missing = |path| PlanError::Missing { node: node.name.clone(), layout: node.layout.name.clone(), path };
    let root_file_system = plain("/").or(root).ok_or_else(|| missing("/"))?;
    let boot = plain("/boot");
    if root.is_some() && boot.is_none() {
        return Err(missing("/boot"));
    }
    let refuse = |path: &str| PlanError::Xfs { node: node.name.clone(), path: path.into(), release: node.release };
    match (root_file_system, boot) {
        (FileSystem::Xfs, _) if node.release.is_el6() => Err(refuse("/")),
        (_, Some(FileSystem::Xfs)) if node.release.is_el6() => Err(refuse("/boot")),
        _ => Ok(()),
    }
}

/// Checks that GRUB legacy finds `/boot` where it can read it: not in a logical partition.
pub(crate) fn check_place(node: &Node, plan: &NodePlan) -> Result<(), PlanError> {
    let is_boot = |content: &super::Content| matches!(content, super::Content::Mount { mount, .. } if mount == "/boot");
    let on_array = plan.arrays.iter().filter(|array| is_boot(&array.content)).flat_map(|array| &array.members);
    let mut places = plan
        .os_disk()
        .partitions
        .iter()
        .filter(|partition| is_boot(&partition.content))
        .chain(on_array.filter_map(|member| plan.partition(member)));
    match places.any(|partition| partition.slot == Slot::Logical) {
        true => Err(PlanError::BootIsLogical { node: node.name.clone() }),
        false => Ok(()),
    }
}
