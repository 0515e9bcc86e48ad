//! The promise and the fact: what was found on the disks against what was planned, one line for each difference.

use std::collections::BTreeMap;

use super::facts::{Facts, PartitionFact};
use super::{Content, DiskPlan, NodePlan, Slot, VolumeGroupPlan};

/// Sectors of 512 bytes in a MiB.
const MIB: u64 = 2048;

/// Compares facts with the plan that they should have come from. `disks` are the kernel names by slot; `keep` are the
/// groups that an earlier installation made, in which others may have made volumes since. Empty means that all is well.
pub fn differences(plan: &NodePlan, disks: &BTreeMap<String, String>, keep: &[String], facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    for disk in &plan.disks {
        match disks.get(&disk.slot) {
            Some(name) => compare_disk(disk, name, facts, &mut lines),
            None => lines.push(format!("no disk is known for `{}`", disk.slot)),
        }
    }
    for group in &plan.volume_groups {
        compare_group(disks, group, keep.contains(&group.name), facts, &mut lines);
    }
    compare_mounts(plan, disks, facts, &mut lines);
    lines
}

/// Compares the partitions of one disk, as numbers, starts and sizes.
pub fn compare_partitions(disk: &DiskPlan, name: &str, found: &[&PartitionFact], lines: &mut Vec<String>) {
    for planned in &disk.partitions {
        let part = format!("partition {} of {name}", planned.number);
        let Some(fact) = found.iter().find(|fact| fact.number == planned.number) else {
            lines.push(format!("{part} is missing; planned: {} at {}", planned.size, planned.start));
            continue;
        };
        if fact.start != planned.start.0 * MIB {
            let start = planned.start.0 * MIB;
            lines.push(format!("{part} begins at sector {}; planned: {start}", fact.start));
        }
        // The last MiB of a disk is rarely a whole one: less than a MiB more is what an installer rounds.
        let size = planned.size.0 * MIB;
        if planned.slot != Slot::Extended && !(size..size + MIB).contains(&fact.sectors) {
            lines.push(format!("{part} has {} sectors; planned: {size}", fact.sectors));
        }
    }
    for fact in found.iter().filter(|fact| disk.partition(fact.number).is_none()) {
        lines.push(format!("partition {} of {name} is not in the plan", fact.number));
    }
}

fn compare_disk(disk: &DiskPlan, name: &str, facts: &Facts, lines: &mut Vec<String>) {
    let label = facts.labels.iter().find(|(of, _)| of == name).map_or("none", |(_, label)| label.as_str());
    if label != disk.label.to_string() {
        lines.push(format!("the label of {name} is {label}; planned: {}", disk.label));
    }
    let found: Vec<&PartitionFact> = facts.partitions.iter().filter(|fact| fact.disk == name).collect();
    compare_partitions(disk, name, &found, lines);
}

fn compare_group(
    disks: &BTreeMap<String, String>,
    group: &VolumeGroupPlan,
    kept: bool,
    facts: &Facts,
    lines: &mut Vec<String>,
) {
    let name = &group.name;
    let mut found = facts.groups.iter().filter(|fact| fact.name == *name);
    let Some(fact) = found.next() else {
        return lines.push(format!("volume group {name} is missing"));
    };
    if found.next().is_some() {
        lines.push(format!("there are two volume groups {name}"));
    }
    if fact.extent_sectors != group.extent_size.0 * MIB {
        lines.push(format!(
            "extents of {name} have {} sectors; planned: {}",
            fact.extent_sectors,
            group.extent_size.0 * MIB
        ));
    }
    let wrong = if group.exact { fact.extents != group.extents } else { fact.extents < group.extents };
    if wrong {
        lines.push(format!("volume group {name} has {} extents; planned: {}", fact.extents, group.extents));
    }
    let free = group.free.0 / group.extent_size.0.max(1);
    if group.exact && !kept && fact.free != free {
        lines.push(format!("volume group {name} has {} free extents; planned: {free}", fact.free));
    }
    compare_physical_volumes(disks, group, facts, lines);
    for volume in &group.logical_volumes {
        let of_group = |fact: &&super::facts::VolumeFact| fact.group == *name && fact.name == volume.name;
        let Some(fact) = facts.volumes.iter().find(of_group) else {
            lines.push(format!("logical volume {name}/{} is missing", volume.name));
            continue;
        };
        let sectors = volume.extents * group.extent_size.0 * MIB;
        if fact.sectors != sectors {
            lines.push(format!(
                "logical volume {name}/{} has {} sectors; planned: {sectors}",
                volume.name, fact.sectors
            ));
        }
    }
    let planned = |volume: &str| group.logical_volumes.iter().any(|planned| planned.name == volume);
    for volume in facts.volumes.iter().filter(|fact| !kept && fact.group == *name && !planned(&fact.name)) {
        lines.push(format!("logical volume {name}/{} is not in the plan", volume.name));
    }
}

fn compare_physical_volumes(
    disks: &BTreeMap<String, String>,
    group: &VolumeGroupPlan,
    facts: &Facts,
    lines: &mut Vec<String>,
) {
    let mut found: Vec<&str> = facts
        .physical_volumes
        .iter()
        .filter(|fact| fact.group == group.name)
        .map(|fact| fact.device.trim_start_matches("/dev/"))
        .collect();
    for planned in &group.physical_volumes {
        let on = |slot: &str| disks.get(slot).map_or("?", String::as_str);
        let (wanted, place) = match &planned.array {
            // The number of an array may change from boot to boot.
            Some(_) => (None, found.iter().position(|device| device.starts_with("md"))),
            None => {
                let wanted = partition_name(on(&planned.partition.disk), planned.partition.partition);
                let place = found.iter().position(|device| *device == wanted);
                (Some(wanted), place)
            }
        };
        match place {
            Some(place) => drop(found.remove(place)),
            None => {
                let wanted = wanted.unwrap_or_else(|| "a mirror".into());
                lines.push(format!("volume group {} is not on {wanted}", group.name));
            }
        }
    }
    lines.extend(found.iter().map(|device| format!("volume group {} is also on {device}", group.name)));
}

fn compare_mounts(plan: &NodePlan, disks: &BTreeMap<String, String>, facts: &Facts, lines: &mut Vec<String>) {
    let mut wanted: Vec<(String, String, Option<String>)> = Vec::new();
    for disk in &plan.disks {
        for partition in &disk.partitions {
            let device = disks.get(&disk.slot).map(|name| format!("/dev/{}", partition_name(name, partition.number)));
            match &partition.content {
                Content::Mount { mount, file_system } => wanted.push((mount.clone(), file_system.to_string(), device)),
                Content::EfiSystem => wanted.push(("/boot/efi".into(), "vfat".into(), device)),
                _ => {}
            }
        }
    }
    for array in &plan.arrays {
        if let Content::Mount { mount, file_system } = &array.content {
            wanted.push((mount.clone(), file_system.to_string(), None));
        }
    }
    for group in &plan.volume_groups {
        for volume in &group.logical_volumes {
            let Some(mount) = &volume.mount else { continue };
            let double = |name: &str| name.replace('-', "--");
            let device = format!("/dev/mapper/{}-{}", double(&group.name), double(&volume.name));
            wanted.push((mount.clone(), volume.file_system.to_string(), Some(device)));
        }
    }
    for (target, file_system, device) in wanted {
        // The last mount of a place is the one that is seen; EL6 has a `rootfs` below its root.
        let Some(fact) = facts.mounts.iter().rfind(|fact| fact.target == target) else {
            lines.push(format!("nothing is mounted at {target}; planned: {file_system}"));
            continue;
        };
        if fact.file_system != file_system {
            lines.push(format!("{target} is {}; planned: {file_system}", fact.file_system));
        }
        if let Some(device) = device.filter(|device| *device != fact.device) {
            lines.push(format!("{target} is on {}; planned: {device}", fact.device));
        }
    }
}

/// The kernel's name of a partition: `sda2`, `nvme0n1p2`.
pub fn partition_name(disk: &str, number: u32) -> String {
    let separator = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{separator}{number}")
}
