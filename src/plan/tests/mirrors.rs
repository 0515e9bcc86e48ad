//! Mirrors of unequal disks, and what a mirror means for the other rules.

use super::partitions::{divided, exact, grow};
use super::*;
use crate::site::{DiskRule, DiskSlot};

/// A node with these disks, in MiB, that mirror each other, and these partitions.
fn mirrored(release: &str, firmware: Firmware, (os, os2): (u64, u64), parts: &[(&str, SizeSpec)]) -> Node {
    let mut node = divided(release, os, parts);
    node.firmware = firmware;
    node.disks.push(DiskSlot { slot: "os2".into(), rule: DiskRule::of(os2 * 2048, 512) });
    node.layout.mirror = Some(("os".into(), "os2".into()));
    node
}

fn rows(disk: &DiskPlan) -> Vec<(u32, u64, u64)> {
    disk.partitions.iter().map(|partition| (partition.number, partition.start.0, partition.size.0)).collect()
}

#[test]
fn the_smaller_disk_of_a_mirror_is_the_one_that_is_too_small() {
    let of = |disks| {
        let parts = [("/boot", exact(500)), ("/", exact(20_000))];
        plan(&mirrored("9", Firmware::Bios, disks, &parts)).unwrap_err().to_string()
    };
    let on = |slot: &str| {
        let wish = "it needs 20501 MiB, the disk gives 20000 MiB, 501 MiB are missing";
        format!("layout `paper` does not fit on disk `{slot}` of compute2: {wish}")
    };
    assert_eq!(of((30_000, 20_000)), on("os2"));
    assert_eq!(of((20_000, 30_000)), on("os"));
    assert_eq!(of((20_000, 20_000)), on("os"), "both are: the first is named");
}

#[test]
fn what_only_the_first_disk_has_takes_no_room_of_the_second() {
    // EL6 makes the EFI system partition, 200, on the first disk alone; GPT takes the last MiB of either.
    let parts = [("/boot", exact(500)), ("/", grow(2000))];
    let plan = plan(&mirrored("6.10", Firmware::Uefi, (31_000, 30_000), &parts)).unwrap();
    assert_eq!(rows(&plan.disks[0]), [(1, 1, 200), (2, 201, 500), (3, 701, 29_498)]);
    assert_eq!(rows(&plan.disks[1]), [(1, 1, 500), (2, 501, 29_498)]);
    assert_eq!((plan.disks[0].free, plan.disks[1].free), (Mib(800), Mib(0)));
    let costs: Vec<_> = plan.notes.iter().filter(|note| note.contains("the EFI system partition takes")).collect();
    assert!(costs.len() == 1 && costs[0].contains("takes 200 MiB of disk `os`"), "{costs:?}");
}

#[test]
fn a_second_disk_with_logical_partitions_leaves_room_for_their_records() {
    // The first disk is too large for an MBR and has a `biosboot`, the second has three primary and two logical ones.
    let parts =
        [("/boot", exact(500)), ("/", grow(2000)), ("/a", exact(3000)), ("/b", exact(2000)), ("/c", exact(1000))];
    let plan = plan(&mirrored("7", Firmware::Bios, (3_000_000, 100_000), &parts)).unwrap();
    assert_eq!(rows(&plan.disks[0])[..3], [(1, 1, 1), (2, 2, 500), (3, 502, 93_496)]);
    let second = [(1, 1, 500), (2, 501, 93_496), (3, 93_997, 3000), (4, 96_997, 3003), (5, 96_999, 2000)];
    assert_eq!((&rows(&plan.disks[1])[..5], plan.disks[1].free), (&second[..], Mib(0)));
}

#[test]
fn each_half_of_a_mirror_counts_for_what_the_mirror_holds() {
    let big = [("/boot", exact(500)), ("/", exact(20_000)), ("/srv", exact(2_200_000))];
    let of = |parts: &[(&str, SizeSpec)]| {
        let mut node = mirrored("7", Firmware::Uefi, (3_000_000, 3_000_000), parts);
        node.layout.prepared = true;
        plan(&node)
    };
    assert!(of(&big).is_ok(), "/srv may end anywhere");
    let error = of(&[big[1], big[2], big[0]]).unwrap_err();
    assert!(error.to_string().contains("`/boot` of compute2 would end at 2221101 MiB"), "{error}");

    let parts = [("/", exact(20_000)), ("/a", exact(3000)), ("/b", exact(2000)), ("/boot", exact(500))];
    let error = plan(&mirrored("9", Firmware::Bios, (50_000, 50_000), &parts)).unwrap_err();
    assert!(matches!(error, PlanError::BootIsLogical { .. }), "{error}");
}

#[test]
fn firmware_starts_from_the_disks_of_the_mirror_and_from_no_other() {
    let parts = [("/boot", exact(500)), ("/", exact(20_000))];
    let mut node = mirrored("10", Firmware::Bios, (50_000, 50_000), &parts);
    node.disks.push(DiskSlot { slot: "data".into(), rule: DiskRule::of(1_000_000, 4096) });
    let mut data = node.layout.partitions[1].clone();
    data.purpose = PartitionUse::Mount { path: "/srv".into(), file_system: crate::site::FileSystem::Ext4 };
    (data.disk, data.size) = (Some("data".into()), exact(1000));
    node.layout.partitions.push(data);
    let plan = plan(&node).unwrap();
    let has_biosboot = |disk: &DiskPlan| disk.partitions[0].content == Content::BiosBoot;
    assert_eq!(plan.disks.iter().map(has_biosboot).collect::<Vec<_>>(), [true, true, false]);
    assert!(!plan.notes.iter().any(|note| note.contains("EFI")), "{:?}", plan.notes);
}

#[test]
fn each_half_of_a_mirrored_efi_system_partition_costs_its_own_size() {
    let parts = [("/boot", exact(1024)), ("/", exact(20_000))];
    let plan = plan(&mirrored("9", Firmware::Uefi, (50_000, 50_000), &parts)).unwrap();
    let costs: Vec<_> = plan.notes.iter().filter(|note| note.contains("UEFI firmware starts from it")).collect();
    let cost =
        |slot: &str| format!("the EFI system partition takes 600 MiB of disk `{slot}`: UEFI firmware starts from it");
    assert_eq!(costs, [&cost("os"), &cost("os2")]);
}
