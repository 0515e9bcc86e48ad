//! The edges of the rules: the last value that is allowed, and the first that is not.

use super::*;
use crate::site::{Container, DiskLabel, FileSystem, LogicalVolumeSpec};

const ROOT: usize = 0;
const SWAP: usize = 1;
const HOME: usize = 2;

fn volume(node: &mut Node, index: usize) -> &mut LogicalVolumeSpec {
    &mut node.layout.volume_groups[0].logical_volumes[index]
}

/// What is wrong with the layout after a change.
fn refusal(release: &str, change: impl FnOnce(&mut Node)) -> Option<PlanError> {
    let mut node = growing(node("compute2"));
    node.release = release.parse().unwrap();
    change(&mut node);
    plan(&node).err()
}

#[test]
fn a_name_is_short_begins_and_ends_well_and_has_plain_letters() {
    let named = |name: &str| refusal("6.3", |node| volume(node, HOME).name = name.into());
    for good in ["a", "lv.home", "A_9-b", &"x".repeat(50)] {
        assert_eq!(named(good), None, "{good}");
    }
    for bad in ["", "-a", ".a", "a-", "a b", "ä", &"x".repeat(51)] {
        assert!(matches!(named(bad), Some(PlanError::Name { .. })), "{bad}");
    }
    for kept in ["snapshot1", "lv_tmeta"] {
        assert!(named(kept).is_some(), "LVM keeps {kept} for itself");
    }
}

#[test]
fn a_mapped_name_counts_each_dash_twice() {
    let mapped = |dashes: usize| {
        refusal("6.3", |node| {
            let group = format!("g{}g", "-".repeat(20)); // 42 letters when mapped
            node.layout.partitions[1].purpose = PartitionUse::PhysicalVolume { volume_group: group.clone() };
            node.layout.volume_groups[0].name = group;
            volume(node, HOME).name = format!("v{}vv", "-".repeat(dashes));
        })
    };
    assert_eq!(mapped(32), None, "42, a dash, 67");
    assert!(matches!(mapped(33), Some(PlanError::Name { .. })), "112 are one too many");
}

#[test]
fn a_mount_point_has_whole_parts() {
    let mounted = |path: &str| refusal("6.3", |node| volume(node, HOME).mount = Some(path.into()));
    assert_eq!(mounted("/srv/a.b-c_d/..."), None);
    for bad in ["home", "", "/home/", "/a//b", "/./a", "/a/..", "/a b", "/a/\n"] {
        assert!(mounted(bad).is_some(), "{bad:?}");
    }
}

#[test]
fn what_is_mounted_has_a_file_system_and_swap_has_none() {
    let swap = refusal("6.3", |node| volume(node, SWAP).mount = Some("/srv".into()));
    assert!(matches!(swap, Some(PlanError::Swap { problem: "a mount point although it is swap", .. })), "{swap:?}");
    let nowhere = refusal("6.3", |node| volume(node, HOME).mount = None);
    assert!(matches!(nowhere, Some(PlanError::Swap { problem: "no mount point", .. })), "{nowhere:?}");
}

#[test]
fn el6_cannot_start_from_xfs_and_el7_can() {
    let root = |node: &mut Node| volume(node, ROOT).file_system = FileSystem::Xfs;
    let boot = |node: &mut Node| {
        let (path, file_system) = ("/boot".into(), FileSystem::Xfs);
        node.layout.partitions[0].purpose = PartitionUse::Mount { path, file_system };
    };
    for (release, refused) in [("6.10", true), ("7.9", false), ("9.5", false)] {
        for (path, change) in [("/", root as fn(&mut Node)), ("/boot", boot)] {
            let found = refusal(release, change);
            match refused {
                true => {
                    assert!(matches!(found, Some(PlanError::Xfs { path: of, .. }) if of == path), "{release} {path}")
                }
                false => assert_eq!(found, None, "{release} {path}"),
            }
        }
    }
}

#[test]
fn a_physical_volume_of_no_group_is_refused() {
    let unknown = refusal("6.3", |node| {
        node.layout.partitions[2].purpose = PartitionUse::PhysicalVolume { volume_group: "nobodys".into() };
    });
    assert!(matches!(unknown, Some(PlanError::UnknownGroup { group, .. }) if group == "nobodys"));
}

#[test]
fn what_grows_needs_whole_extents_of_its_minimum() {
    let minimum = |least: u64| refusal("6.3", |node| volume(node, SWAP).size = SizeSpec::Grow(Mib(least)));
    assert_eq!(minimum(6000), None);
    assert!(matches!(minimum(6001), Some(PlanError::GroupTooSmall { .. })), "6,004 do not fit");
}

#[test]
fn swap_of_early_releases_ends_at_128_gib() {
    let swap = |release: &str, size: u64| {
        refusal(release, |node| {
            node.os_disk_mut().sectors = 1_000_000_000;
            volume(node, SWAP).size = SizeSpec::Exact(Mib(size));
            node.layout.partitions[1].size = SizeSpec::Exact(Mib(size + 15_004));
        })
    };
    assert_eq!((swap("7.9", 131_072), swap("9.5", 131_076)), (None, None));
    assert!(matches!(swap("7.9", 131_076), Some(PlanError::TooLarge { most: Mib(131_072), .. })));
}

#[test]
fn a_file_system_of_el6_ends_where_its_tools_do() {
    let brick = |release: &str, file_system, tebibytes: u64| {
        refusal(release, |node| {
            node.firmware = Firmware::Uefi;
            let (size, purpose) = (SizeSpec::Exact(Mib(200)), PartitionUse::EfiSystem);
            node.layout.partitions.insert(0, crate::site::PartitionSpec { size, purpose, disk: None });
            node.os_disk_mut().sectors = tebibytes << 31;
            node.layout.volume_groups[1].logical_volumes[0].file_system = file_system;
        })
    };
    for (release, file_system, tebibytes, fits) in [
        ("6.10", FileSystem::Ext4, 10, true),
        ("6.10", FileSystem::Ext4, 17, false),
        ("6.4", FileSystem::Xfs, 10, true),
        ("6.4", FileSystem::Xfs, 17, false),
        ("6.5", FileSystem::Xfs, 17, true),
        ("6.5", FileSystem::Xfs, 101, false),
        ("7.9", FileSystem::Xfs, 101, true),
    ] {
        let found = brick(release, file_system, tebibytes);
        let is_right = if fits { found.is_none() } else { matches!(found, Some(PlanError::TooLarge { .. })) };
        assert!(is_right, "{file_system} of {tebibytes} TiB on {release}: {found:?}");
    }
}

#[test]
fn a_large_xfs_of_el6_is_mounted_with_64_bit_inodes() {
    let options = |release: &str, file_system, mebibytes: u64, own: Option<&str>| {
        let mut node = growing(node("compute2"));
        node.release = release.parse().unwrap();
        node.os_disk_mut().sectors = 4_000_000_000;
        node.layout.partitions[2].size = SizeSpec::Exact(Mib(mebibytes + 2));
        let brick = &mut node.layout.volume_groups[1].logical_volumes[0];
        (brick.size, brick.file_system) = (SizeSpec::Exact(Mib(mebibytes)), file_system);
        if let Some(own) = own {
            let options = node.layout.options.entry("/export/gluster".into()).or_default();
            options.mount = Some(own.into());
        }
        let plan = plan(&node).unwrap();
        plan.options.get("/export/gluster").and_then(|options| options.mount.clone()).unwrap_or_default()
    };
    const TIB: u64 = 1 << 20;
    assert_eq!(options("6.10", FileSystem::Xfs, TIB, None), "defaults,inode64");
    assert_eq!(options("6.10", FileSystem::Xfs, TIB, Some("noatime")), "noatime,inode64");
    assert_eq!(options("6.10", FileSystem::Xfs, TIB, Some("inode32")), "inode32", "the operator decides");
    assert_eq!(options("6.10", FileSystem::Xfs, TIB - 4, None), "");
    assert_eq!(options("6.10", FileSystem::Ext4, TIB, None), "");
    assert_eq!(options("7.9", FileSystem::Xfs, TIB, None), "");
    let mut node = growing(node("compute2"));
    node.os_disk_mut().sectors = 4_000_000_000;
    let (path, file_system) = ("/export/gluster".into(), FileSystem::Xfs);
    node.layout.partitions[2].purpose = PartitionUse::Mount { path, file_system };
    node.layout.volume_groups.pop();
    let plain = plan(&node).unwrap().options.remove("/export/gluster").unwrap_or_default();
    assert_eq!(plain.mount.as_deref(), Some("defaults,inode64"), "on a partition of its own as well");
}

#[test]
fn a_label_must_reach_the_whole_disk() {
    let msdos = |sectors: u64| {
        refusal("7.9", |node| {
            node.layout.label = Some(DiskLabel::Msdos);
            node.os_disk_mut().sectors = sectors;
        })
    };
    assert_eq!(msdos((1 << 32) - 2), None);
    assert!(matches!(msdos((1 << 32) - 1), Some(PlanError::Label { problem: "it cannot address the whole disk", .. })));
}

#[test]
fn a_layout_is_blamed_unless_another_disk_would_do() {
    let small = refusal("6.3", |node| node.os_disk_mut().sectors = 20_000 * 2048).unwrap();
    assert!(matches!(small, PlanError::DiskTooSmall { .. }) && !small.blames_layout(), "{small}");
    let wrong = refusal("6.3", |node| volume(node, HOME).mount = None).unwrap();
    assert!(wrong.blames_layout(), "{wrong}");
}

#[test]
fn a_container_is_named_with_who_vouches_for_it() {
    let container = Container {
        name: "base".into(),
        image: "registry.example.com/base:9".into(),
        signed_by: None,
        authority: None,
        user: None,
        stateroot: None,
        remote: None,
    };
    let mut node = growing(node("compute2"));
    node.container = Some(container);
    let notes = plan(&node).unwrap().notes.join("\n");
    assert!(notes.contains("the container registry.example.com/base:9") && notes.contains("NOT CHECKED"), "{notes}");
}
