//! Mirrors (md RAID1) for the operating system: pairs of equal partitions, and the guaranteed size of each array.

use crate::site::Node;

use super::size;
use super::{ArrayPlan, Content, DiskPlan, PartitionRef, wanted};

/// Finds the halves of every mirror on the planned disks.
pub(crate) fn plan_arrays(node: &Node, disks: &[DiskPlan], notes: &mut Vec<String>) -> Vec<ArrayPlan> {
    let mut arrays = Vec::new();
    for (index, content) in wanted::mirrored(node).into_iter().enumerate() {
        let device = format!("md{index}");
        let half = Content::RaidMember { array: device.clone() };
        let mut halves: Vec<_> = disks
            .iter()
            .flat_map(|disk| disk.partitions.iter().map(move |partition| (disk, partition)))
            .filter(|(_, partition)| partition.content == half)
            .collect();
        let first = node.layout.mirror.as_ref().map(|(first, _)| first.as_str());
        halves.sort_by_key(|(disk, _)| Some(disk.slot.as_str()) != first);
        let at_least = halves.iter().map(|(_, partition)| size::array_least(partition.size)).min().unwrap_or_default();
        let reference = |(disk, partition): &(&DiskPlan, &super::PartitionPlan)| PartitionRef {
            disk: disk.slot.clone(),
            partition: partition.number,
        };
        arrays.push(ArrayPlan { device, members: halves.iter().map(reference).collect(), content, at_least });
    }
    if let (Some((first, second)), Some(array)) = (&node.layout.mirror, arrays.first()) {
        notes.push(format!(
            "the mirrors are as large as their partitions but for what md keeps, which differs between releases: {} has \
             at least {}; logical volumes are exact, what their groups have in addition stays free",
            array.device, array.at_least
        ));
        if disks[0].partitions.iter().any(|partition| partition.content == Content::EfiSystem) {
            notes.push(format!(
                "the firmware starts from disk `{first}` only: `{second}` holds all data, but EL6 makes no EFI system \
                 partition on both; it does by BIOS, and later releases do by UEFI too"
            ));
        }
    }
    arrays
}
