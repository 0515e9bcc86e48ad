//! What the partitions and volumes are used as: mirror halves, swap, mounted file systems.

use std::collections::{BTreeMap, BTreeSet};

use super::partition_name;
use crate::plan::{Content, Facts, NodePlan};
use crate::site::FileSystem;

/// Compares mirrors, swap and mounts with the plan.
pub(super) fn compare(plan: &NodePlan, disks: &BTreeMap<String, String>, facts: &Facts, lines: &mut Vec<String>) {
    compare_arrays(plan, disks, facts, lines);
    compare_swap(plan, facts, lines);
    compare_mounts(plan, disks, facts, lines);
    compare_options(plan, facts, lines);
}

/// Arrays are identified by their members, because the number of an array may change from boot to boot.
fn compare_arrays(plan: &NodePlan, disks: &BTreeMap<String, String>, facts: &Facts, lines: &mut Vec<String>) {
    let Some(arrays) = &facts.arrays else { return };
    for planned in &plan.arrays {
        let name = |disk: &String| disks.get(disk).map_or("?", String::as_str);
        let members = planned.members.iter().map(|member| partition_name(name(&member.disk), member.partition));
        let members: BTreeSet<String> = members.collect();
        let words = || members.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        match arrays.iter().find(|fact| fact.members.iter().cloned().collect::<BTreeSet<_>>() == members) {
            None => lines.push(format!("{} are not a mirror; planned: {}", words(), planned.device)),
            Some(fact) if fact.level != "raid1" => {
                lines.push(format!("the array of {} is {}; planned: raid1", words(), fact.level));
            }
            Some(_) => {}
        }
    }
}

/// Compares the options with which the next boot mounts. An installer may have added some of its own.
fn compare_options(plan: &NodePlan, facts: &Facts, lines: &mut Vec<String>) {
    let Some(fstab) = &facts.fstab else { return };
    let mounts = plan.options.iter().filter_map(|(target, options)| Some((target, options.mount.as_deref()?)));
    for (target, wanted) in mounts {
        let Some((_, found)) = fstab.iter().find(|(known, _)| known == target) else {
            lines.push(format!("{target} is not in /etc/fstab; planned: with {wanted}"));
            continue;
        };
        let has = |option: &str| found.split(',').any(|known| known == option);
        // `defaults` stands for no option, and an installer may leave it out beside other options.
        if !wanted.split(',').all(|option| option == "defaults" || has(option)) {
            lines.push(format!("{target} will be mounted with {found}; planned: {wanted}"));
        }
    }
}

/// A volume that is planned as swap must carry its signature. Whether it is in use depends on the installer.
fn compare_swap(plan: &NodePlan, facts: &Facts, lines: &mut Vec<String>) {
    let Some(swaps) = &facts.swaps else { return };
    for group in &plan.volume_groups {
        for volume in group.logical_volumes.iter().filter(|volume| volume.file_system == FileSystem::Swap) {
            if !swaps.contains(&(group.name.clone(), volume.name.clone())) {
                lines.push(format!("logical volume {}/{} is not swap space", group.name, volume.name));
            }
        }
    }
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
        match &array.content {
            Content::Mount { mount, file_system } => wanted.push((mount.clone(), file_system.to_string(), None)),
            Content::EfiSystem => wanted.push(("/boot/efi".into(), "vfat".into(), None)),
            _ => {}
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
        // The last mount at a path is the visible one; EL6 has a `rootfs` below its root.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::ArrayFact;
    use crate::plan::{ArrayPlan, PartitionRef, plan};
    use crate::site::FileSystemOptions;
    use crate::site::testing::paper_site;

    #[test]
    fn the_options_of_the_next_boot_are_those_of_the_plan_and_maybe_more() {
        let site = paper_site();
        let mut plan = plan(site.node_by_name("compute2").unwrap()).unwrap();
        let options = |mount: &str| FileSystemOptions { mount: Some(mount.into()), mkfs: None };
        plan.options = BTreeMap::from([
            ("/home".into(), options("noatime,nodev")),
            ("/export/gluster".into(), options("defaults,inode64")),
        ]);
        let lines = |fstab: &[(&str, &str)]| {
            let fstab = fstab.iter().map(|(target, options)| (target.to_string(), options.to_string())).collect();
            let mut lines = Vec::new();
            compare_options(&plan, &Facts { fstab: Some(fstab), ..Facts::default() }, &mut lines);
            lines.join("; ")
        };
        assert_eq!(lines(&[("/home", "nodev,x-systemd.device-timeout=0,noatime"), ("/export/gluster", "inode64")]), "");
        let without = "/export/gluster is not in /etc/fstab; planned: with defaults,inode64; \
                       /home will be mounted with nodev,noatimes; planned: noatime,nodev";
        assert_eq!(lines(&[("/home", "nodev,noatimes")]), without);
        let mut lines = Vec::new();
        compare_options(&plan, &Facts::default(), &mut lines);
        assert!(lines.is_empty(), "an older %post told nothing of it");
    }

    #[test]
    fn what_has_to_be_mounted_is_looked_for_on_partitions_and_on_mirrors() {
        let mut plan = plan(paper_site().node_by_name("compute2").unwrap()).unwrap();
        plan.volume_groups.clear();
        let disks = BTreeMap::from([("os".into(), "sda".into())]);
        let lines = |plan: &NodePlan, mounts: &[(&str, &str, &str)]| {
            let fact = |(device, target, file_system): &(&str, &str, &str)| crate::plan::facts::MountFact {
                device: device.to_string(),
                target: target.to_string(),
                file_system: file_system.to_string(),
            };
            let mut lines = Vec::new();
            let facts = Facts { mounts: mounts.iter().map(fact).collect(), ..Facts::default() };
            compare_mounts(plan, &disks, &facts, &mut lines);
            lines.join("; ")
        };
        let boot = ("/dev/sda1", "/boot", "ext4");
        assert_eq!(lines(&plan, &[boot]), "");
        plan.disks[0].partitions[1].content = Content::EfiSystem;
        assert_eq!(lines(&plan, &[boot]), "nothing is mounted at /boot/efi; planned: vfat");
        assert_eq!(lines(&plan, &[boot, ("/dev/sda2", "/boot/efi", "vfat")]), "");
        // The number of an array may change, so any device will do.
        plan.disks.clear();
        let half = Vec::new;
        let array =
            |content| ArrayPlan { device: "md0".into(), members: half(), content, at_least: crate::site::Mib(1) };
        let file_system = FileSystem::Ext4;
        plan.arrays = vec![array(Content::EfiSystem), array(Content::Mount { mount: "/boot".into(), file_system })];
        let missing = "nothing is mounted at /boot/efi; planned: vfat; nothing is mounted at /boot; planned: ext4";
        assert_eq!(lines(&plan, &[]), missing);
        assert_eq!(lines(&plan, &[("/dev/md127", "/boot/efi", "vfat"), ("/dev/md126", "/boot", "ext4")]), "");
    }

    #[test]
    fn a_mirror_is_known_by_its_halves_and_its_level() {
        let site = paper_site();
        let mut plan = plan(site.node_by_name("compute2").unwrap()).unwrap();
        let half = |disk: &str| PartitionRef { disk: disk.into(), partition: 2 };
        let content = Content::PhysicalVolume { volume_group: "vg_base".into() };
        let members = vec![half("os"), half("twin")];
        plan.arrays = vec![ArrayPlan { device: "md0".into(), members, content, at_least: crate::site::Mib(20_000) }];
        let disks = BTreeMap::from([("os".into(), "sda".into()), ("twin".into(), "nvme0n1".into())]);
        let lines = |facts: &Facts| {
            let mut lines = Vec::new();
            compare_arrays(&plan, &disks, facts, &mut lines);
            lines.join("; ")
        };
        let facts = |level: &str, members: &[&str]| {
            let members = members.iter().map(|member| member.to_string()).collect();
            let array = ArrayFact { device: "md127".into(), level: level.into(), members };
            Facts { arrays: Some(vec![array]), ..Facts::default() }
        };
        assert_eq!(lines(&facts("raid1", &["sda2", "nvme0n1p2"])), "");
        let striped = "the array of nvme0n1p2 and sda2 is raid0; planned: raid1";
        assert_eq!(lines(&facts("raid0", &["sda2", "nvme0n1p2"])), striped);
        let missing = "nvme0n1p2 and sda2 are not a mirror; planned: md0";
        assert_eq!(lines(&facts("raid1", &["sda2"])), missing);
        assert_eq!(lines(&Facts { arrays: Some(Vec::new()), ..Facts::default() }), missing);
        assert_eq!(lines(&Facts::default()), "", "what an older rackstart recorded");
    }
}
