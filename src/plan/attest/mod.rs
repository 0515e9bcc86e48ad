//! Compares the promise with the facts: what was found on the disks against what was planned, one line for each
//! difference.

mod contents;
mod loaders;

use std::collections::BTreeMap;

use super::facts::{Facts, PartitionFact};
use super::{DiskPlan, NodePlan, Slot, VolumeGroupPlan};

/// Sectors of 512 bytes in a MiB.
const MIB: u64 = 2048;

/// Compares facts with the plan that they should result from. `disks` are the kernel names by slot. `keep` are the
/// groups that an earlier installation made; others may have made volumes in them since. An empty result means that all
/// is well.
pub(crate) fn differences(
    plan: &NodePlan,
    disks: &BTreeMap<String, String>,
    keep: &[String],
    facts: &Facts,
) -> Vec<String> {
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
    contents::compare(plan, disks, facts, &mut lines);
    loaders::compare(plan, disks, facts, &mut lines);
    lines
}

/// Compares the partitions of one disk: numbers, starts and sizes.
pub(crate) fn compare_partitions(disk: &DiskPlan, name: &str, found: &[&PartitionFact], lines: &mut Vec<String>) {
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
        // The last MiB of a disk is rarely a whole one: an excess of less than one MiB is the installer's rounding.
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
    let of_group = facts.physical_volumes.iter().filter(|fact| fact.group == group.name);
    let mut found: Vec<&str> = Vec::new();
    for device in of_group.map(|fact| fact.device.trim_start_matches("/dev/")) {
        let below = device.strip_prefix("mapper/").and_then(|name| {
            facts.crypts.iter().flatten().find(|(known, _)| known == name).map(|(_, below)| below.as_str())
        });
        if below.is_some() != group.encrypted {
            let (is, planned) =
                if group.encrypted { ("in the clear", "encrypted") } else { ("encrypted", "in the clear") };
            lines.push(format!(
                "volume group {} is {is} on {}; planned: {planned}",
                group.name,
                below.unwrap_or(device)
            ));
        }
        compare_bindings(group, below.unwrap_or(device), facts, lines);
        found.push(below.unwrap_or(device));
    }
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

/// Compares the Tang servers that a device is bound to with those of the plan, where it has any: without them nobody but
/// a person opens the device.
fn compare_bindings(group: &VolumeGroupPlan, device: &str, facts: &Facts, lines: &mut Vec<String>) {
    if group.tang.is_empty() {
        return;
    }
    let of_device = facts.bindings.iter().filter(|(known, _)| known == device);
    let mut bound: Vec<&str> = of_device.map(|(_, url)| url.as_str()).collect();
    let mut planned: Vec<&str> = group.tang.iter().map(String::as_str).collect();
    bound.sort_unstable();
    planned.sort_unstable();
    if bound != planned {
        let bound = if bound.is_empty() { "no Tang server".into() } else { bound.join(", ") };
        let (name, planned) = (&group.name, planned.join(", "));
        lines.push(format!("volume group {name} is bound to {bound} on {device}; planned: {planned}"));
    }
}

/// Returns the kernel's name of a partition: `sda2`, `nvme0n1p2`.
pub(crate) fn partition_name(disk: &str, number: u32) -> String {
    let separator = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{separator}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::{GroupFact, MountFact, PhysicalVolumeFact, VolumeFact};
    use crate::plan::{Content, plan};
    use crate::site::testing::paper_site;

    fn promise() -> (NodePlan, BTreeMap<String, String>) {
        let site = paper_site();
        let plan = plan(site.node_by_name("controller").unwrap()).unwrap();
        (plan, BTreeMap::from([("os".to_string(), "nvme0n1".to_string())]))
    }

    /// The facts that an installer would find if it did everything right.
    fn as_planned(plan: &NodePlan) -> Facts {
        let labels = vec![("nvme0n1".into(), "msdos".into())];
        let mut facts = Facts { labels, swaps: Some(Vec::new()), arrays: Some(Vec::new()), ..Facts::default() };
        let mount = |device: String, target: &str, file_system: String| MountFact {
            device,
            target: target.into(),
            file_system,
        };
        for partition in &plan.os_disk().partitions {
            let device = format!("/dev/nvme0n1p{}", partition.number);
            let (number, start) = (partition.number, partition.start.0 * MIB);
            let sectors = if partition.slot == Slot::Extended { 2 } else { partition.size.0 * MIB };
            facts.partitions.push(PartitionFact { disk: "nvme0n1".into(), number, start, sectors });
            match &partition.content {
                Content::Mount { mount: target, file_system } => {
                    facts.mounts.push(mount(device, target, file_system.to_string()));
                }
                Content::PhysicalVolume { volume_group } => {
                    let (group, uuid) = (volume_group.clone(), "P".into());
                    facts.physical_volumes.push(PhysicalVolumeFact { device, group, uuid });
                }
                _ => {}
            }
        }
        for group in &plan.volume_groups {
            let (name, free) = (group.name.clone(), group.free.0 / 4);
            let uuid = || "U".to_string();
            facts.groups.push(GroupFact { name, uuid: uuid(), extent_sectors: 8192, extents: group.extents, free });
            for volume in &group.logical_volumes {
                let (group, name) = (group.name.clone(), volume.name.clone());
                if let Some(target) = &volume.mount {
                    let device = format!("/dev/mapper/{group}-{name}");
                    facts.mounts.push(mount(device, target, volume.file_system.to_string()));
                }
                if volume.file_system == crate::site::FileSystem::Swap {
                    facts.swaps.as_mut().unwrap().push((group.clone(), name.clone()));
                }
                facts.volumes.push(VolumeFact { group, name, uuid: uuid(), sectors: volume.size.0 * MIB });
            }
        }
        facts
    }

    #[test]
    fn disks_as_planned_have_no_differences_and_less_than_a_mib_of_rounding_is_none() {
        let (plan, disks) = promise();
        let mut facts = as_planned(&plan);
        assert_eq!(differences(&plan, &disks, &[], &facts), [""; 0]);
        facts.partitions.last_mut().unwrap().sectors += 2047;
        facts.mounts.insert(0, MountFact { device: "rootfs".into(), target: "/".into(), file_system: "rootfs".into() });
        assert_eq!(differences(&plan, &disks, &[], &facts), [""; 0]);
    }

    #[test]
    fn every_difference_has_its_line() {
        type Change = fn(&mut Facts);
        let changes: [(Change, &str); 19] = [
            (|facts| facts.labels.clear(), "the label of nvme0n1 is none; planned: msdos"),
            (
                |facts| drop(facts.partitions.remove(1)),
                "partition 2 of nvme0n1 is missing; planned: 17000 MiB at 501 MiB",
            ),
            (
                |facts| facts.partitions[1].start += 1,
                "partition 2 of nvme0n1 begins at sector 1026049; planned: 1026048",
            ),
            (
                |facts| facts.partitions[1].sectors -= 1,
                "partition 2 of nvme0n1 has 34815999 sectors; planned: 34816000",
            ),
            (
                |facts| facts.partitions[1].sectors += 2048,
                "partition 2 of nvme0n1 has 34818048 sectors; planned: 34816000",
            ),
            (|facts| facts.partitions[1].number = 9, "partition 9 of nvme0n1 is not in the plan"),
            (|facts| drop(facts.groups.remove(0)), "volume group vg_base is missing"),
            (|facts| facts.groups.push(facts.groups[0].clone()), "there are two volume groups vg_base"),
            (|facts| facts.groups[0].extent_sectors = 65536, "extents of vg_base have 65536 sectors; planned: 8192"),
            (|facts| facts.groups[0].extents -= 1, "volume group vg_base has 4248 extents; planned: 4249"),
            (|facts| facts.groups[0].free = 1, "volume group vg_base has 1 free extents; planned: 0"),
            (|facts| facts.physical_volumes[0].device = "/dev/sdb1".into(), "volume group vg_base is not on nvme0n1p2"),
            (|facts| facts.physical_volumes[0].device = "/dev/sdb1".into(), "volume group vg_base is also on sdb1"),
            (|facts| drop(facts.volumes.remove(0)), "logical volume vg_base/lv_root is missing"),
            (
                |facts| facts.volumes[0].sectors += 8192,
                "logical volume vg_base/lv_root has 20488192 sectors; planned: 20480000",
            ),
            (|facts| facts.volumes[0].name = "lv_x".into(), "logical volume vg_base/lv_x is not in the plan"),
            (|facts| facts.mounts.retain(|fact| fact.target != "/home"), "nothing is mounted at /home; planned: ext4"),
            (|facts| facts.mounts[0].file_system = "xfs".into(), "/boot is xfs; planned: ext4"),
            (|facts| facts.swaps = Some(Vec::new()), "logical volume vg_base/lv_swap is not swap space"),
        ];
        let (plan, disks) = promise();
        for (change, line) in changes {
            let mut facts = as_planned(&plan);
            change(&mut facts);
            let lines = differences(&plan, &disks, &[], &facts);
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:?}");
        }
    }

    #[test]
    fn a_group_that_is_promised_at_least_may_be_larger_and_not_smaller() {
        let (mut plan, disks) = promise();
        plan.volume_groups[0].exact = false;
        let planned = plan.volume_groups[0].extents;
        for (extents, lines) in [(planned - 1, 1), (planned, 0), (planned + 1, 0)] {
            let mut facts = as_planned(&plan);
            facts.groups[0].extents = extents;
            assert_eq!(differences(&plan, &disks, &[], &facts).len(), lines, "{extents}");
        }
    }

    #[test]
    fn a_kept_group_may_hold_what_others_made_in_it() {
        let (plan, disks) = promise();
        let mut facts = as_planned(&plan);
        let volume = VolumeFact { group: "nova-volumes".into(), name: "v-1".into(), uuid: "V".into(), sectors: 8192 };
        facts.volumes.push(volume);
        facts.groups[1].free -= 1;
        assert_eq!(differences(&plan, &disks, &["nova-volumes".into()], &facts), [""; 0]);
        assert_eq!(differences(&plan, &disks, &[], &facts).len(), 2);
    }

    #[test]
    fn a_group_that_tang_shall_open_has_exactly_its_servers() {
        let (mut plan, disks) = promise();
        let mut facts = as_planned(&plan);
        let below = facts.physical_volumes[0].device.trim_start_matches("/dev/").to_string();
        plan.volume_groups[0].encrypted = true;
        plan.volume_groups[0].tang = vec!["http://b".into(), "http://a".into()];
        facts.physical_volumes[0].device = "/dev/mapper/luks-1".into();
        facts.crypts = Some(vec![("luks-1".into(), below.clone())]);
        let name = plan.volume_groups[0].name.clone();
        let line =
            |bound: &str| format!("volume group {name} is bound to {bound} on {below}; planned: http://a, http://b");
        assert_eq!(differences(&plan, &disks, &[], &facts), [line("no Tang server")]);
        let bound = |urls: &[&str]| urls.iter().map(|url| (below.clone(), url.to_string())).collect();
        facts.bindings = bound(&["http://a"]);
        assert_eq!(differences(&plan, &disks, &[], &facts), [line("http://a")]);
        facts.bindings = bound(&["http://a", "http://b", "http://c"]);
        assert_eq!(differences(&plan, &disks, &[], &facts), [line("http://a, http://b, http://c")]);
        facts.bindings = bound(&["http://a", "http://b"]);
        assert_eq!(differences(&plan, &disks, &[], &facts), [""; 0]);
    }

    #[test]
    fn an_encrypted_group_is_known_by_what_its_mapping_lies_on() {
        let (mut plan, disks) = promise();
        let mut facts = as_planned(&plan);
        let (name, device) = (plan.volume_groups[0].name.clone(), facts.physical_volumes[0].device.clone());
        assert_eq!(facts.physical_volumes[0].group, name);
        plan.volume_groups[0].encrypted = true;
        let below = device.trim_start_matches("/dev/").to_string();
        let lines = |plan: &NodePlan, facts: &Facts| differences(plan, &disks, &[], facts).join("; ");
        let clear = format!("volume group {name} is in the clear on {below}; planned: encrypted");
        assert_eq!(lines(&plan, &facts), clear);
        facts.physical_volumes[0].device = "/dev/mapper/luks-1".into();
        facts.crypts = Some(vec![("luks-1".into(), below.clone())]);
        assert_eq!(lines(&plan, &facts), "");
        plan.volume_groups[0].encrypted = false;
        assert_eq!(lines(&plan, &facts), format!("volume group {name} is encrypted on {below}; planned: in the clear"));
        facts.crypts = None;
        assert!(
            lines(&plan, &facts).contains(&format!("volume group {name} is not on {below}")),
            "nothing says what is below"
        );
    }
}
