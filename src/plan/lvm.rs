//! From partitions to volume groups and logical volumes, counted in extents.

use crate::site::{Mib, Node, VolumeGroupSpec};

use super::names;
use super::size::{self, EXTENT};
use super::{Content, DiskPlan, LogicalVolumePlan, PartitionRef, PhysicalVolumePlan, PlanError, VolumeGroupPlan};

/// Plans every volume group of the layout.
pub fn plan_groups(node: &Node, disk: &DiskPlan) -> Result<Vec<VolumeGroupPlan>, PlanError> {
    for partition in &disk.partitions {
        if let Content::PhysicalVolume { volume_group } = &partition.content
            && !node.layout.volume_groups.iter().any(|group| group.name == *volume_group)
        {
            return Err(PlanError::UnknownGroup { node: node.name.clone(), group: volume_group.clone() });
        }
    }
    node.layout.volume_groups.iter().map(|spec| plan_group(node, disk, spec)).collect()
}

fn plan_group(node: &Node, disk: &DiskPlan, spec: &VolumeGroupSpec) -> Result<VolumeGroupPlan, PlanError> {
    let is_ours = |content: &Content| *content == Content::PhysicalVolume { volume_group: spec.name.clone() };
    let partitions: Vec<_> = disk.partitions.iter().filter(|partition| is_ours(&partition.content)).collect();
    let [partition] = partitions[..] else {
        let (node, group) = (node.name.clone(), spec.name.clone());
        return Err(PlanError::PhysicalVolumes { node, group, count: partitions.len() });
    };
    let size = size::volume_group_size(partition.size);
    let sizes = resolve_sizes(node, spec, partition.size, size)?;
    let used = sizes.iter().fold(Mib(0), |sum, &size| sum + size);
    let logical_volumes = spec.logical_volumes.iter().zip(sizes).map(|(volume, size)| LogicalVolumePlan {
        name: volume.name.clone(),
        size,
        extents: size::extents(size),
        grows: false,
        file_system: volume.file_system,
        mount: volume.mount.clone(),
    });
    Ok(VolumeGroupPlan {
        name: spec.name.clone(),
        installer_name: names::installer_name(node.release, &spec.name),
        physical_volumes: vec![PhysicalVolumePlan {
            partition: PartitionRef { disk: disk.slot.clone(), partition: partition.number },
            array: None,
            size: partition.size,
        }],
        exact: true,
        extent_size: EXTENT,
        extents: size::extents(size),
        size,
        free: size - used,
        logical_volumes: logical_volumes.collect(),
    })
}

fn resolve_sizes(node: &Node, spec: &VolumeGroupSpec, partition: Mib, size: Mib) -> Result<Vec<Mib>, PlanError> {
    let mut sizes = Vec::new();
    let mut grows: Option<usize> = None;
    for (index, volume) in spec.logical_volumes.iter().enumerate() {
        let what = || format!("the logical volume `{}`", volume.name);
        let asked = volume.size.minimum();
        if volume.size.grows() {
            if let Some(first) = grows.replace(index) {
                let first = format!("the logical volume `{}`", spec.logical_volumes[first].name);
                return Err(PlanError::TwoGrow { node: node.name.clone(), first, second: what() });
            }
            sizes.push(Mib(asked.0.max(1).div_ceil(EXTENT.0) * EXTENT.0));
            continue;
        }
        if asked == Mib(0) {
            return Err(PlanError::Empty { node: node.name.clone(), what: what() });
        }
        if !size::is_whole_extents(asked) {
            return Err(PlanError::NotWholeExtents {
                node: node.name.clone(),
                volume: volume.name.clone(),
                size: asked,
            });
        }
        sizes.push(asked);
    }
    let needed = sizes.iter().fold(Mib(0), |sum, &size| Mib(sum.0.saturating_add(size.0)));
    // Even an empty group needs its first extent.
    let least = needed.max(EXTENT);
    if least > size {
        return Err(PlanError::GroupTooSmall {
            node: node.name.clone(),
            group: spec.name.clone(),
            partition,
            size,
            needed: least,
            shortfall: least - size,
            least: size::partition_for(least),
        });
    }
    if let Some(index) = grows {
        sizes[index] = sizes[index] + (size - needed);
    }
    Ok(sizes)
}
