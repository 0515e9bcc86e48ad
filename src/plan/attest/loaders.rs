//! Whether the firmware can boot from either disk of a mirror.

use std::collections::BTreeMap;

use super::partition_name;
use crate::plan::{ArrayPlan, Content, Facts, NodePlan};
use crate::site::Firmware;

/// Compares where boot loaders were found with the disks that need one. If none was found at all, the node had no means
/// to look: only one that is missing while the other is there counts as a difference.
pub(super) fn compare(plan: &NodePlan, disks: &BTreeMap<String, String>, facts: &Facts, lines: &mut Vec<String>) {
    let Some(loaders) = &facts.loaders else { return };
    let Some(array) = plan.arrays.iter().find(|array| starts(plan, array)) else { return };
    let kind = if plan.firmware == Firmware::Uefi { "entry" } else { "mbr" };
    let place = |member: &crate::plan::PartitionRef| {
        let disk = disks.get(&member.disk).map_or("?", String::as_str);
        if plan.firmware == Firmware::Uefi { partition_name(disk, member.partition) } else { disk.into() }
    };
    let has = |place: &String| loaders.iter().any(|(device, found)| device == place && found == kind);
    let (there, missing): (Vec<String>, Vec<String>) = array.members.iter().map(place).partition(has);
    if there.is_empty() {
        return;
    }
    lines.extend(missing.iter().map(|place| match plan.firmware {
        Firmware::Uefi => format!(
            "the firmware has no boot entry for {place}; planned: it starts from either half of {}",
            array.device
        ),
        Firmware::Bios => {
            format!("{place} has no boot loader; planned: the firmware starts from either disk of the mirror")
        }
    }));
}

/// Whether the firmware boots from the halves of this mirror: they are EFI system partitions, or hold what GRUB reads.
fn starts(plan: &NodePlan, array: &ArrayPlan) -> bool {
    let mounts =
        |array: &ArrayPlan, path: &str| matches!(&array.content, Content::Mount { mount, .. } if mount == path);
    match plan.firmware {
        Firmware::Uefi => array.content == Content::EfiSystem,
        Firmware::Bios => {
            mounts(array, "/boot") || mounts(array, "/") && !plan.arrays.iter().any(|array| mounts(array, "/boot"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PartitionRef, plan};
    use crate::site::{FileSystem, Mib, testing::paper_site};

    #[test]
    fn either_disk_of_a_mirror_must_start_where_one_does() {
        let site = paper_site();
        let mut plan = plan(site.node_by_name("compute2").unwrap()).unwrap();
        let half = |disk: &str| PartitionRef { disk: disk.into(), partition: 1 };
        let array = |content| ArrayPlan {
            device: "md0".into(),
            members: vec![half("os"), half("twin")],
            content,
            at_least: Mib(500),
        };
        let disks = BTreeMap::from([("os".into(), "sda".into()), ("twin".into(), "nvme0n1".into())]);
        let lines = |plan: &NodePlan, loaders: Option<&[(&str, &str)]>| {
            let loaders = loaders.map(|all| all.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect());
            let mut lines = Vec::new();
            compare(plan, &disks, &Facts { loaders, ..Facts::default() }, &mut lines);
            lines.join("; ")
        };
        let none_on_the_second = Some(&[("sda", "mbr")][..]);
        assert_eq!(lines(&plan, none_on_the_second), "", "no mirror");
        plan.arrays = vec![array(Content::Mount { mount: "/boot".into(), file_system: FileSystem::Ext4 })];
        let missing = "nvme0n1 has no boot loader; planned: the firmware starts from either disk of the mirror";
        assert_eq!(lines(&plan, none_on_the_second), missing);
        assert_eq!(lines(&plan, Some(&[("sda", "mbr"), ("nvme0n1", "mbr")])), "");
        plan.arrays = vec![array(Content::PhysicalVolume { volume_group: "vg_base".into() })];
        assert_eq!(lines(&plan, none_on_the_second), "", "nothing starts from what GRUB cannot read");
        plan.arrays = vec![array(Content::Mount { mount: "/".into(), file_system: FileSystem::Ext4 })];
        assert_eq!(lines(&plan, none_on_the_second), missing, "a `/` with /boot in it");
        plan.firmware = Firmware::Uefi;
        assert_eq!(lines(&plan, Some(&[("sda1", "entry")])), "", "the EFI system partition is on no mirror");
        plan.arrays = vec![array(Content::EfiSystem)];
        let missing = "the firmware has no boot entry for nvme0n1p1; planned: it starts from either half of md0";
        assert_eq!(lines(&plan, Some(&[("sda", "mbr"), ("sda1", "entry"), ("nvme0n1p2", "entry")])), missing);
        assert_eq!(lines(&plan, Some(&[("sda1", "entry"), ("nvme0n1p1", "entry")])), "");
        assert_eq!(lines(&plan, Some(&[("sda", "mbr")])), "", "its entries could not be read");
        assert_eq!(lines(&plan, None), "", "an older %post told nothing of it");
    }
}
