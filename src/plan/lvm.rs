//! From partitions to volume groups and logical volumes, counted in extents.

use crate::site::{Mib, Node, PartitionUse, Tang, VolumeGroupSpec};

use super::luks;
use super::names;
use super::share::share;
use super::size::{self, EXTENT};
use super::{
    ArrayPlan, Content, DiskPlan, LogicalVolumePlan, PartitionRef, PhysicalVolumePlan, PlanError, VolumeGroupPlan,
};

/// Plans every volume group of the layout on the partitions and mirrors that were planned for it.
pub(crate) fn plan_groups(
    node: &Node,
    disks: &[DiskPlan],
    arrays: &[ArrayPlan],
) -> Result<Vec<VolumeGroupPlan>, PlanError> {
    for spec in &node.layout.partitions {
        if let PartitionUse::PhysicalVolume { volume_group } = &spec.purpose
            && !node.layout.volume_groups.iter().any(|group| group.name == *volume_group)
        {
            return Err(PlanError::UnknownGroup { node: node.name.clone(), group: volume_group.clone() });
        }
    }
    node.layout.volume_groups.iter().map(|spec| plan_group(node, disks, arrays, spec)).collect()
}

fn physical_volumes(disks: &[DiskPlan], arrays: &[ArrayPlan], group: &str) -> Vec<PhysicalVolumePlan> {
    let is_ours = |content: &Content| *content == Content::PhysicalVolume { volume_group: group.into() };
    let mut found = Vec::new();
    for disk in disks {
        for partition in disk.partitions.iter().filter(|partition| is_ours(&partition.content)) {
            let size = partition.size;
            let partition = PartitionRef { disk: disk.slot.clone(), partition: partition.number };
            found.push(PhysicalVolumePlan { partition, array: None, size });
        }
    }
    for array in arrays.iter().filter(|array| is_ours(&array.content)) {
        let (array_name, size) = (Some(array.device.clone()), array.at_least);
        found.push(PhysicalVolumePlan { partition: array.members[0].clone(), array: array_name, size });
    }
    found
}

fn plan_group(
    node: &Node,
    disks: &[DiskPlan],
    arrays: &[ArrayPlan],
    spec: &VolumeGroupSpec,
) -> Result<VolumeGroupPlan, PlanError> {
    let physical_volumes = physical_volumes(disks, arrays, &spec.name);
    if physical_volumes.is_empty() || (physical_volumes.len() > 1 && !spec.spans) {
        let (node, group) = (node.name.clone(), spec.name.clone());
        return Err(PlanError::PhysicalVolumes { node, group, count: physical_volumes.len() });
    }
    let header = luks::of_group(node, &spec.name);
    let yields = |volume: &PhysicalVolumePlan| match volume.array {
        Some(_) => size::volume_group_on_array(Mib(volume.size.0.saturating_sub(header.0))),
        None => luks::volume_group_size(volume.size, header),
    };
    let sum = |sizes: Vec<Mib>| sizes.into_iter().fold(Mib(0), |sum, size| sum + size);
    let size = sum(physical_volumes.iter().map(yields).collect());
    let sizes = resolve_sizes(node, spec, &physical_volumes, size)?;
    let used = sum(sizes.clone());
    let logical_volumes = spec.logical_volumes.iter().zip(sizes).map(|(volume, size)| LogicalVolumePlan {
        name: volume.name.clone(),
        size,
        extents: size::extents(size),
        file_system: volume.file_system,
        mount: volume.mount.clone(),
    });
    Ok(VolumeGroupPlan {
        name: spec.name.clone(),
        installer_name: names::installer_name(node.release, &spec.name),
        encrypted: spec.encrypted,
        tang: node.tang.as_ref().filter(|_| spec.encrypted).map(Tang::urls).unwrap_or_default(),
        exact: luks::is_exact(node, &spec.name) && physical_volumes.iter().all(|volume| volume.array.is_none()),
        physical_volumes,
        extent_size: EXTENT,
        extents: size::extents(size),
        size,
        free: size - used,
        logical_volumes: logical_volumes.collect(),
    })
}

fn resolve_sizes(
    node: &Node,
    spec: &VolumeGroupSpec,
    physical_volumes: &[PhysicalVolumePlan],
    size: Mib,
) -> Result<Vec<Mib>, PlanError> {
    let mut sizes = Vec::new();
    for volume in &spec.logical_volumes {
        let asked = volume.size.minimum();
        if volume.size.grows() {
            sizes.push(Mib(asked.0.max(1).div_ceil(EXTENT.0) * EXTENT.0));
            continue;
        }
        if asked == Mib(0) {
            let what = format!("the logical volume `{}`", volume.name);
            return Err(PlanError::Empty { node: node.name.clone(), what });
        }
        if !size::is_whole_extents(asked) {
            let (node, volume) = (node.name.clone(), volume.name.clone());
            return Err(PlanError::NotWholeExtents { node, volume, size: asked });
        }
        sizes.push(asked);
    }
    let needed = sizes.iter().fold(Mib(0), |sum, &size| Mib(sum.0.saturating_add(size.0)));
    // Even an empty group needs one extent.
    let needed = needed.max(EXTENT);
    if needed > size {
        let partition = physical_volumes.iter().fold(Mib(0), |sum, volume| sum + volume.size);
        let shortfall = needed - size;
        let least = match physical_volumes {
            [PhysicalVolumePlan { array: None, .. }] => {
                Some(luks::partition_for(needed, luks::of_group(node, &spec.name)))
            }
            _ => None,
        };
        let (node, group) = (node.name.clone(), spec.name.clone());
        return Err(PlanError::GroupTooSmall { node, group, partition, size, needed, shortfall, least });
    }
    let growing: Vec<usize> = (0..sizes.len()).filter(|&index| spec.logical_volumes[index].size.grows()).collect();
    let weights: Vec<u64> = growing.iter().map(|&index| sizes[index].0).collect();
    let used = sizes.iter().fold(Mib(0), |sum, &size| sum + size);
    for (index, part) in growing.into_iter().zip(share((size - used).0, &weights, EXTENT.0)) {
        sizes[index] = sizes[index] + Mib(part);
    }
    Ok(sizes)
}
