//! Several disks, mirrors, labels, 4Kn, and partitions that only `%pre` can make.

use super::*;
use crate::site::{DiskLabel, DiskRule, DiskSlot, FileSystem, Tang, TangServer};

fn disk(slot: &str, sectors: u64, sector_size: u32) -> DiskSlot {
    DiskSlot { slot: slot.into(), rule: DiskRule::of(sectors, sector_size) }
}

/// A growing compute node with its brick on a second disk with this many sectors.
fn with_brick(sectors: u64, sector_size: u32, release: &str, firmware: Firmware) -> Node {
    let mut node = growing(node("compute2"));
    (node.release, node.firmware) = (release.parse().unwrap(), firmware);
    node.layout.partitions[1].size = SizeSpec::Grow(Mib(21000));
    node.layout.partitions[2].disk = Some("brick".into());
    node.disks.push(disk("brick", sectors, sector_size));
    node
}

fn rows(disk: &DiskPlan) -> Vec<(u32, u64, u64, Slot)> {
    disk.partitions.iter().map(|p| (p.number, p.start.0, p.size.0, p.slot)).collect()
}

#[test]
fn the_extended_partition_of_the_paper_is_made_before_the_installer_looks() {
    let mut node = node("controller");
    node.layout.extended = Some(Mib(28792));
    let plan = plan(&node).unwrap();
    let expected = [
        (1, 1, 500, Slot::Primary),
        (2, 501, 17000, Slot::Primary),
        (3, 17501, 30000, Slot::Primary),
        (4, 47501, 28792, Slot::Extended),
        (5, 47502, 28791, Slot::Logical),
    ];
    assert_eq!(partitions(&plan), expected);
    assert!(plan.os_disk().is_prepared());
    assert!(plan.os_disk().partitions.iter().all(|partition| partition.placement == Placement::Prepared));
    assert_eq!((plan.os_disk().free, group(&plan, "vg_images")), (Mib(26), (28788, 0, vec![28788])));
    node.layout.extended = Some(Mib(28000));
    let error = super::plan(&node).unwrap_err();
    assert!(error.to_string().contains("28000 MiB where its logical partitions need 28792 MiB, 792 MiB are missing"));
}

#[test]
fn an_order_that_no_flags_give_is_made_by_pre() {
    let mut node = node("compute2");
    node.layout.partitions.swap(0, 1);
    let plan = plan(&node).unwrap();
    assert_eq!(rows(plan.os_disk())[..2], [(1, 1, 21000, Slot::Primary), (2, 21001, 500, Slot::Primary)]);
    assert!(plan.os_disk().is_prepared());
    assert!(plan.notes[0].contains("the installer always places the partition of `/boot` first"), "{:?}", plan.notes);
    let mut node = super::node("controller");
    node.layout.partitions.rotate_left(1);
    assert!(matches!(super::plan(&node), Err(PlanError::BootIsLogical { .. })));
}

#[test]
fn each_disk_has_its_own_label_and_numbers() {
    let plan = plan(&with_brick(7_814_037_168, 512, "6.10", Firmware::Bios)).unwrap();
    let labels: Vec<_> =
        plan.disks.iter().map(|disk| (disk.slot.as_str(), disk.label, disk.label_is_default)).collect();
    assert_eq!(labels, [("os", DiskLabel::Msdos, true), ("brick", DiskLabel::Gpt, true)]);
    assert_eq!(rows(&plan.disks[1]), [(1, 1, 3_815_446, Slot::Primary)]);
    assert!(plan.volume_groups[1].is_on("brick", 1) && !plan.volume_groups[1].is_on("os", 1));
    assert_eq!(group(&plan, "vg_gluster").1, 0);
}

#[test]
fn a_data_disk_with_4096_byte_sectors_is_aligned_and_counted_in_its_own_sectors() {
    let bios = plan(&with_brick(976_754_646, 4096, "9", Firmware::Bios)).unwrap();
    assert_eq!((bios.disks[1].label, bios.disks[1].usable_end), (DiskLabel::Msdos, Mib(3_815_447)));
    let uefi = plan(&with_brick(976_754_646, 4096, "9", Firmware::Uefi)).unwrap();
    assert_eq!((uefi.disks[1].label, uefi.disks[1].usable_end), (DiskLabel::Gpt, Mib(3_815_447)));
    assert!(uefi.notes[0].contains("the EFI system partition takes 600 MiB of disk `os`"), "{:?}", uefi.notes);
    let mut node = with_brick(976_754_646, 4096, "9", Firmware::Bios);
    node.disks[0].rule = DiskRule::of(976_754_646, 4096);
    assert!(matches!(plan(&node), Err(PlanError::SectorSize { .. })));
}

#[test]
fn a_size_range_must_not_leave_the_label_open() {
    let ranged = |max: Option<u64>, release: &str| {
        let mut node = growing(node("compute2"));
        node.release = release.parse().unwrap();
        let rule = node.os_disk_mut();
        (rule.min_bytes, rule.max_bytes) = (Some(rule.bytes()), max);
        plan(&node)
    };
    let error = ranged(None, "6.10").unwrap_err();
    assert!(matches!(error, PlanError::RangeOfLabels { .. }), "{error}");
    let exact = plan(&growing(node("compute2"))).unwrap();
    assert_eq!(ranged(Some(2047 << 30), "6.10").unwrap().disks, exact.disks);
    assert_eq!(ranged(None, "10").unwrap().os_disk().label, DiskLabel::Gpt);
}

#[test]
fn a_label_can_be_chosen_where_the_release_can_be_told() {
    let labelled = |label, release: &str, firmware| {
        let mut node = with_brick(488_397_168, 512, release, firmware);
        node.layout.label = Some(label);
        plan(&node)
    };
    let plan = labelled(DiskLabel::Gpt, "7", Firmware::Bios).unwrap();
    assert!(plan.disks.iter().all(|disk| disk.label == DiskLabel::Gpt && !disk.label_is_default));
    assert_eq!(plan.os_disk().partitions[0].content, Content::BiosBoot);
    assert!(labelled(DiskLabel::Msdos, "10", Firmware::Bios).is_ok());
    for (label, release, firmware) in
        [(DiskLabel::Gpt, "6.10", Firmware::Bios), (DiskLabel::Msdos, "9", Firmware::Uefi)]
    {
        assert!(matches!(labelled(label, release, firmware), Err(PlanError::Label { .. })), "{label} {release}");
    }
}

#[test]
fn a_mirror_has_equal_halves_and_promises_only_what_every_md_leaves() {
    let mut node = growing(node("compute2"));
    node.layout.volume_groups[0].logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
    node.disks.push(disk("os2", 488_397_168 - 4096, 512));
    node.layout.mirror = Some(("os".into(), "os2".into()));
    let plan = plan(&node).unwrap();
    let halves = [(1, 1, 500), (2, 501, 21000), (3, 21501, 216_972)];
    for disk in &plan.disks {
        let rows: Vec<_> = disk.partitions.iter().map(|p| (p.number, p.start.0, p.size.0)).collect();
        assert_eq!(rows, halves, "{}", disk.slot);
    }
    let arrays: Vec<_> = plan.arrays.iter().map(|array| (array.device.as_str(), array.at_least.0)).collect();
    assert_eq!(arrays, [("md0", 497), ("md1", 20982), ("md2", 216_842)]);
    assert!(plan.volume_groups.iter().all(|group| !group.exact));
    let (size, free, volumes) = group(&plan, "vg_gluster");
    assert_eq!((size, free, volumes), (216_840, 0, vec![216_840]));
}

#[test]
fn a_group_that_fills_its_partition_exactly_is_refused_on_a_mirror() {
    let mut node = node("compute2");
    node.disks.push(disk("os2", 488_397_168, 512));
    node.layout.mirror = Some(("os".into(), "os2".into()));
    let error = plan(&node).unwrap_err();
    assert!(error.to_string().contains("`vg_base` on compute2 is too small"), "{error}");
    assert!(error.help().contains("shrink a volume of `vg_base` by 16 MiB"), "{}", error.help());
}

/// A growing compute node on a mirror of two equal disks.
fn on_a_mirror(release: &str, firmware: Firmware) -> Node {
    let mut node = growing(node("compute2"));
    (node.release, node.firmware) = (release.parse().unwrap(), firmware);
    for volume in &mut node.layout.volume_groups[0].logical_volumes {
        volume.size = SizeSpec::Grow(Mib(4000));
    }
    node.disks.push(disk("os2", 488_397_168, 512));
    node.layout.mirror = Some(("os".into(), "os2".into()));
    node
}

#[test]
fn either_disk_of_a_uefi_mirror_has_an_efi_system_partition() {
    for release in ["7", "8", "9", "10"] {
        let plan = plan(&on_a_mirror(release, Firmware::Uefi)).unwrap();
        assert_eq!((plan.arrays[0].device.as_str(), &plan.arrays[0].content), ("md0", &Content::EfiSystem));
        assert_eq!(plan.disks[0].partitions, plan.disks[1].partitions);
        assert_eq!(rows(&plan.disks[1])[0], (1, 1, 600, Slot::Primary));
        let costs: Vec<_> = plan.notes.iter().filter(|note| note.contains("the EFI system partition takes")).collect();
        assert_eq!(costs.len(), 2, "{:?}", plan.notes);
        assert!(!plan.notes.iter().any(|note| note.contains("starts from disk")), "{:?}", plan.notes);
    }
}

#[test]
fn the_installer_of_el6_starts_by_uefi_from_the_first_disk_of_a_mirror_only() {
    let plan = plan(&on_a_mirror("6.10", Firmware::Uefi)).unwrap();
    assert_eq!(plan.disks[0].partitions[0].content, Content::EfiSystem);
    let members: Vec<&str> = plan.arrays[0].members.iter().map(|member| member.disk.as_str()).collect();
    assert_eq!(members, ["os", "os2"]);
    assert_eq!((plan.disks[1].partitions.len(), plan.disks[1].free), (3, Mib(200)));
    assert!(plan.notes.iter().any(|note| note.contains("starts from disk `os` only")), "{:?}", plan.notes);
}

#[test]
fn either_disk_of_a_bios_mirror_has_room_for_its_boot_loader() {
    let gpt = plan(&on_a_mirror("10", Firmware::Bios)).unwrap();
    for disk in &gpt.disks {
        assert_eq!((disk.label, &disk.partitions[0].content), (DiskLabel::Gpt, &Content::BiosBoot), "{}", disk.slot);
    }
    assert_eq!(gpt.disks[0].partitions, gpt.disks[1].partitions);
    assert!(!gpt.notes.iter().any(|note| note.contains("starts from disk")), "{:?}", gpt.notes);
    let mut node = on_a_mirror("10", Firmware::Bios);
    node.layout.label = Some(DiskLabel::Msdos);
    let msdos = plan(&node).unwrap();
    assert!(msdos.disks.iter().all(|disk| disk.partitions.len() == 3), "the gap before the first partition does");
}

#[test]
fn what_the_installer_refuses_to_mount_or_start_from_is_refused_before() {
    let partition = |path: &str, file_system| {
        let (path, mut node) = (path.to_string(), growing(node("compute2")));
        node.layout.partitions[0].purpose = PartitionUse::Mount { path, file_system };
        plan(&node).unwrap_err()
    };
    assert!(matches!(partition("/boot", FileSystem::Swap), PlanError::SwapPartition { .. }));
    for path in ["/bin", "/etc", "/root", "/dev/shm", "/run", "/boot/efi"] {
        assert!(matches!(partition(path, FileSystem::Ext4), PlanError::MountReserved { .. }), "{path}");
    }
    let volume = |path: &str| {
        let mut node = growing(node("compute2"));
        node.layout.volume_groups[0].logical_volumes[1].mount = Some(path.into());
        node.layout.volume_groups[0].logical_volumes[1].file_system = FileSystem::Ext4;
        plan(&node)
    };
    assert!(matches!(volume("/boot").unwrap_err(), PlanError::Duplicate { .. } | PlanError::BootOnVolume { .. }));
    assert!(matches!(volume("/proc/x").unwrap_err(), PlanError::MountReserved { .. }));
    volume("/var").expect("any other place");
}

#[test]
fn a_group_may_span_disks_only_when_the_layout_says_so() {
    let mut node = with_brick(488_397_168, 512, "6.10", Firmware::Bios);
    node.disks.push(disk("brick2", 488_397_168, 512));
    let mut second = node.layout.partitions[2].clone();
    second.disk = Some("brick2".into());
    node.layout.partitions.push(second);
    let error = plan(&node).unwrap_err();
    assert!(error.help().contains("`spans = true`"), "{}", error.help());
    node.layout.volume_groups[1].spans = true;
    let plan = plan(&node).unwrap();
    assert_eq!(group(&plan, "vg_gluster"), (476_944, 0, vec![476_944]));
    assert_eq!(plan.volume_groups[1].physical_volumes.len(), 2);
}

#[test]
fn several_that_grow_share_in_proportion() {
    let mut node = growing(node("compute2"));
    node.layout.partitions[1].size = SizeSpec::Grow(Mib(24000));
    let plan = plan(&node).unwrap();
    let sizes: Vec<u64> = plan.os_disk().partitions.iter().map(|p| p.size.0).collect();
    assert_eq!((sizes, plan.os_disk().free), (vec![500, 178_480, 59_494], Mib(0)));
}

#[test]
fn what_cannot_be_where_it_is_put_is_refused() {
    let refusal = |change: fn(&mut Node)| {
        let mut node = with_brick(488_397_168, 512, "6.10", Firmware::Bios);
        change(&mut node);
        plan(&node).unwrap_err().to_string()
    };
    let text = refusal(|node| drop(node.disks.pop()));
    assert_eq!(text, "layout `grow` wants a disk `brick`, which compute2 does not have");
    let text = refusal(|node| node.layout.partitions[0].disk = Some("brick".into()));
    assert!(text.contains("the partition of `/boot` of compute2 is on disk `brick`"), "{text}");
    let text = refusal(|node| node.layout.mirror = Some(("os".into(), "brick".into())));
    assert!(text.contains("which only mirrors another one"), "{text}");
    let text = refusal(|node| node.disks[1].rule.sectors = 2048 * 1000);
    assert!(text.contains("does not fit on disk `brick` of compute2"), "{text}");
}

#[test]
fn encryption_takes_its_header_of_every_physical_volume() {
    let encrypted = |release: &str| {
        let mut node = growing(node("compute2"));
        node.release = release.parse().unwrap();
        node.layout.volume_groups[1].encrypted = true;
        node
    };
    let of = |release: &str| {
        let plan = plan(&encrypted(release)).unwrap();
        (group(&plan, "vg_gluster"), plan.volume_groups[1].exact)
    };
    // The partition has 216974 MiB: less 2 or 16 for the header and 1 for LVM, in whole extents of 4.
    assert_eq!(of("6.10"), ((216_968, 0, vec![216_968]), true));
    assert_eq!(of("7"), ((216_968, 0, vec![216_968]), true));
    assert_eq!(of("9"), ((216_956, 0, vec![216_956]), true));
    assert_eq!(of("8.0"), ((216_956, 0, vec![216_956]), false));
    let notes = plan(&encrypted("9")).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("`vg_gluster` is encrypted: whoever starts compute2")), "{notes:?}");
    assert!(!plan(&encrypted("9")).unwrap().volume_groups[0].encrypted);
    let server = |url: &str| TangServer { url: url.into(), thumbprint: "x".into() };
    let mut node = encrypted("9");
    node.tang = Some(Tang { servers: vec![server("http://a"), server("http://b")], threshold: 2 });
    let bound = plan(&node).unwrap();
    assert_eq!((bound.volume_groups[0].tang.len(), bound.volume_groups[1].tang.len()), (0, 2));
    assert!(
        bound
            .notes
            .concat()
            .contains("`vg_gluster` is encrypted: Tang opens it at each start (2 of http://a, http://b)")
    );
}

#[test]
fn a_volume_that_filled_its_group_is_refused_when_the_group_is_encrypted() {
    let mut node = node("compute2");
    node.release = "9".parse().unwrap();
    node.layout.volume_groups[0].encrypted = true;
    let error = plan(&node).unwrap_err();
    assert!(error.to_string().contains("`vg_base` on compute2 is too small"), "{error}");
    assert!(error.help().contains("make the partition of `vg_base` 21013 MiB"), "{}", error.help());
    node.layout.partitions[1].size = SizeSpec::Exact(Mib(21_013)); // 16 for the header, 1 for LVM
    node.layout.partitions[2].size = SizeSpec::Grow(Mib(1000));
    node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(400));
    assert_eq!(group(&plan(&node).unwrap(), "vg_base").0, 20_996);
    node.layout.partitions[1].size = SizeSpec::Exact(Mib(21_012));
    assert!(plan(&node).is_err());
}

#[test]
fn an_encrypted_mirror_promises_what_is_left_at_least() {
    let mut node = on_a_mirror("9", Firmware::Bios);
    node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
    let open = group(&plan(&node).unwrap(), "vg_gluster").0;
    node.layout.volume_groups[1].encrypted = true;
    assert_eq!(group(&plan(&node).unwrap(), "vg_gluster").0, open - 16);
}
