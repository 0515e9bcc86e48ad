//! Partitions on one disk: where logical ones begin, which flags keep the order, what grows where, and what is missing.

use super::*;
use crate::site::{DiskRule, DiskSlot, FileSystem, PartitionSpec};

pub(super) fn exact(size: u64) -> SizeSpec {
    SizeSpec::Exact(Mib(size))
}

pub(super) fn grow(least: u64) -> SizeSpec {
    SizeSpec::Grow(Mib(least))
}

fn mounted(path: &str, size: SizeSpec, disk: Option<&str>) -> PartitionSpec {
    let purpose = PartitionUse::Mount { path: path.into(), file_system: FileSystem::Ext4 };
    PartitionSpec { size, purpose, disk: disk.map(String::from) }
}

/// A BIOS node with one disk of so many MiB, and ext4 on these partitions in this order.
pub(super) fn divided(release: &str, mebibytes: u64, parts: &[(&str, SizeSpec)]) -> Node {
    let mut node = node("compute2");
    node.release = release.parse().unwrap();
    node.os_disk_mut().sectors = mebibytes * 2048;
    node.layout.volume_groups.clear();
    node.layout.partitions = parts.iter().map(|(path, size)| mounted(path, *size, None)).collect();
    node
}

/// A node whose system has a disk of its own, and these partitions beside it on a disk of so many MiB.
fn beside(release: &str, mebibytes: u64, sizes: &[u64]) -> Node {
    let mut node = divided(release, 40_000, &[("/boot", exact(500)), ("/", exact(20_000))]);
    node.disks.push(DiskSlot { slot: "data".into(), rule: DiskRule::of(mebibytes * 2048, 512) });
    let data = ["/a", "/b", "/c", "/d", "/e"].into_iter().zip(sizes);
    node.layout.partitions.extend(data.map(|(path, &size)| mounted(path, exact(size), Some("data"))));
    node
}

/// Shortfall, needed and usable MiB of a disk that is too small.
fn missing(node: &Node) -> (u64, u64, u64) {
    match plan(node).unwrap_err() {
        PlanError::DiskTooSmall { shortfall, needed, usable, .. } => (shortfall.0, needed.0, usable.0),
        other => panic!("{other}"),
    }
}

/// `p` for `--asprimary`, `g` for `--grow`, `-` for neither, `%` for a partition that `%pre` makes.
fn flags(disk: &DiskPlan) -> String {
    let flag = |partition: &&PartitionPlan| match partition.placement {
        Placement::Prepared => "%",
        placement => match (placement.as_primary(), placement.grow_to_own_size()) {
            (false, false) => "-",
            (true, false) => "p",
            (false, true) => "g",
            (true, true) => "pg",
        },
    };
    disk.partitions.iter().filter(|partition| partition.slot != Slot::Extended).map(|one| flag(&one)).collect()
}

#[test]
fn the_first_logical_partition_begins_two_mib_behind_its_shell_and_each_other_one_behind_its_neighbour() {
    let falling = |mebibytes| {
        let parts = [("/boot", 500), ("/", 20_000), ("/a", 3000), ("/b", 2000), ("/c", 1000), ("/d", 500)];
        divided("9", mebibytes, &parts.map(|(path, size)| (path, exact(size))))
    };
    // 1 before all, 27,000 in partitions, 1 for the first track of the shell, 3 for the records of logical ones.
    let plan = plan(&falling(27_005)).unwrap();
    let expected = [
        (1, 1, 500, Slot::Primary),
        (2, 501, 20_000, Slot::Primary),
        (3, 20_501, 3000, Slot::Primary),
        (4, 23_501, 3504, Slot::Extended),
        (5, 23_503, 2000, Slot::Logical),
        (6, 25_504, 1000, Slot::Logical),
        (7, 26_505, 500, Slot::Logical),
    ];
    assert_eq!((partitions(&plan), flags(plan.os_disk())), (expected.into(), "p-----".into()));
    assert_eq!((plan.os_disk().free, plan.os_disk().is_prepared()), (Mib(0), false));
    assert_eq!(missing(&falling(27_004)), (1, 27_005, 27_004));
    assert_eq!(missing(&falling(27_003)), (2, 27_005, 27_003), "no flags would save the first track");
}

#[test]
fn where_something_grows_the_first_logical_partition_needs_one_mib() {
    let rising = |release, mebibytes| {
        let parts = [("/boot", 500), ("/", 3000), ("/a", 4000), ("/b", 5000)];
        divided(release, mebibytes, &parts.map(|(path, size)| (path, exact(size))))
    };
    let expected = [
        (1, 1, 500, Slot::Primary),
        (2, 501, 3000, Slot::Primary),
        (3, 3501, 4000, Slot::Primary),
        (4, 7501, 5001, Slot::Extended),
        (5, 7502, 5000, Slot::Logical),
    ];
    let full = plan(&rising("9", 12_502)).unwrap();
    assert_eq!((partitions(&full), flags(full.os_disk())), (expected.into(), "pp-g".into()));
    assert_eq!(plan(&rising("9", 12_503)).unwrap().os_disk().free, Mib(1));
    assert_eq!(missing(&rising("9", 12_501)), (1, 12_502, 12_501));
    // EL6 would count the gap before the logical partition as room to grow into.
    let early = plan(&rising("6.10", 12_502)).unwrap();
    assert_eq!((partitions(&early), flags(early.os_disk())), (expected.into(), "%%%%".into()));
    assert_eq!(
        early.notes,
        ["%pre makes the partitions of disk `os`: no flags keep the order of the sizes at the partition of `/b`"]
    );
}

#[test]
fn an_early_installer_is_asked_to_grow_on_a_full_disk_only() {
    let flags_of = |release, mebibytes| {
        let plan = plan(&beside(release, mebibytes, &[1000, 2000, 3000])).unwrap();
        (flags(plan.disk("data").unwrap()), plan.disk("data").unwrap().free.0)
    };
    assert_eq!(flags_of("6.10", 6001), ("p-g".into(), 0));
    assert_eq!(flags_of("6.10", 6002), ("%%%".into(), 1));
    assert_eq!(flags_of("9", 6002), ("p-g".into(), 1), "later ones keep to --maxsize");
}

#[test]
fn a_logical_partition_is_never_forced_to_be_primary_and_any_of_a_gpt_disk_may_be() {
    let mut node = beside("9", 10_000, &[400, 300, 200, 100, 500]);
    let msdos = plan(&node).unwrap();
    assert_eq!(flags(msdos.disk("data").unwrap()), "----g");
    node.layout.label = Some(DiskLabel::Gpt);
    let gpt = plan(&node).unwrap();
    assert_eq!(flags(gpt.disk("data").unwrap()), "pppp-");
}

#[test]
fn an_extended_partition_of_its_own_size_shares_what_is_within_it_and_the_rest_is_shared_outside() {
    let parts =
        |root| [("/boot", exact(500)), ("/", root), ("/a", exact(1000)), ("/b", exact(1000)), ("/c", grow(100))];
    let sized = |extended, mebibytes| {
        let mut node = divided("9", mebibytes, &parts(grow(2000)));
        node.layout.extended = Some(Mib(extended));
        node
    };
    let expected = [
        (1, 1, 500, Slot::Primary),
        (2, 501, 3499, Slot::Primary),
        (3, 4000, 1000, Slot::Primary),
        (4, 5000, 5000, Slot::Extended),
        (5, 5001, 1000, Slot::Logical),
        (6, 6002, 3998, Slot::Logical),
    ];
    let full = plan(&sized(5000, 10_000)).unwrap();
    assert_eq!((partitions(&full), full.os_disk().free), (expected.into(), Mib(0)));
    assert_eq!(plan(&sized(5000, 8501)).unwrap().os_disk().partitions[1].size, Mib(2000), "nothing is left to grow");
    // 1 before all, 3,500 in primary partitions, and the extended one whatever is in it.
    assert_eq!(missing(&sized(9000, 10_000)), (2501, 12_501, 10_000));
    let help = |node: &Node| plan(node).unwrap_err().help();
    let shrink = |what: &str| format!("shrink {what} or less, or use a layout that grows");
    assert_eq!(help(&sized(9000, 10_000)), shrink("the extended partition to 6499 MiB"));
    assert_eq!(help(&sized(1103, 4603)), shrink("the extended partition to 1102 MiB"), "its two records, 1,000, 100");
    assert_eq!(help(&sized(1102, 4602)), shrink("the partition of `/` to 1999 MiB"), "nothing is left in it");
}

#[test]
fn the_size_of_an_extended_partition_is_for_the_systems_own_disk_where_it_has_one() {
    let mut node = divided("9", 30_000, &[("/boot", exact(500)), ("/", exact(20_000)), ("/a", exact(1000))]);
    node.layout.extended = Some(Mib(20_000));
    let three = plan(&node).unwrap();
    assert_eq!((flags(three.os_disk()), three.os_disk().free), ("p--".into(), Mib(8499)), "three are all primary");
    let mut node = beside("9", 10_000, &[4000, 3000, 2000, 500]);
    node.layout.extended = Some(Mib(600));
    let data = plan(&node).unwrap();
    let shell = data.disk("data").unwrap().partitions[3].clone();
    assert_eq!((flags(data.disk("data").unwrap()), shell.slot, shell.size), ("----".into(), Slot::Extended, Mib(999)));
}

#[test]
fn fifteen_partitions_have_device_names_and_a_sixteenth_is_refused() {
    let falling = |count: usize| {
        let mut parts = vec![("/boot".to_string(), exact(500))];
        parts.extend((1..count as u64).map(|n| (if n == 1 { "/".into() } else { format!("/p{n}") }, exact(3000 - n))));
        let parts: Vec<_> = parts.iter().map(|(path, size)| (path.as_str(), *size)).collect();
        plan(&divided("9", 100_000, &parts))
    };
    let most = falling(14).unwrap();
    assert_eq!((most.os_disk().partitions.len(), most.os_disk().partitions.last().unwrap().number), (15, 15));
    let error = falling(15).unwrap_err();
    assert!(matches!(error, PlanError::TooManyPartitions { count: 16, .. }), "{error}");
}

#[test]
fn a_size_of_nothing_is_refused_unless_it_grows() {
    let of = |size| plan(&divided("9", 10_000, &[("/boot", exact(500)), ("/", exact(3000)), ("/srv", size)]));
    assert_eq!(of(exact(0)).unwrap_err().to_string(), "the partition of `/srv` on compute2 is 0 MiB");
    assert_eq!(of(grow(0)).unwrap().os_disk().partitions[2].size, Mib(6499));
}

#[test]
fn what_the_installer_prefers_has_to_be_listed_first() {
    let pv = |size| {
        let purpose = PartitionUse::PhysicalVolume { volume_group: "vg_data".into() };
        PartitionSpec { size: exact(size), purpose, disk: None }
    };
    let with_group = |parts: &[(&str, u64)], place: usize| {
        let parts: Vec<_> = parts.iter().map(|(path, size)| (*path, exact(*size))).collect();
        let mut node = divided("9", 100_000, &parts);
        node.layout.partitions.insert(place, pv(30_000));
        let mut group = super::node("compute2").layout.volume_groups[1].clone();
        (group.name, group.logical_volumes) = ("vg_data".into(), Vec::new());
        node.layout.volume_groups = vec![group];
        let plan = plan(&node).unwrap();
        (flags(plan.os_disk()), plan.notes.join("; "))
    };
    // Beside a `/boot`, neither `/` nor any other mount point has weight of its own.
    let calm = (String::from("pp--"), String::new());
    assert_eq!(with_group(&[("/boot", 600), ("/", 35_000), ("/var", 3000)], 1), calm);
    assert_eq!(with_group(&[("/", 20_000), ("/var", 3000)], 1), ("p--".into(), String::new()));
    let late = "%pre makes the partitions of disk `os`: the installer always places the partition of `/` first";
    assert_eq!(with_group(&[("/", 20_000), ("/var", 3000)], 0), ("%%%".into(), late.into()));

    let mut node = divided("9", 100_000, &[("/boot", exact(1024)), ("/", exact(20_000))]);
    node.firmware = Firmware::Uefi;
    let efi = PartitionSpec { size: exact(600), purpose: PartitionUse::EfiSystem, disk: None };
    node.layout.partitions.insert(1, efi);
    let behind = plan(&node).unwrap();
    assert_eq!(flags(behind.os_disk()), "%%%");
    let late = "%pre makes the partitions of disk `os`: the installer always places the EFI system partition first";
    assert_eq!(behind.notes, [late]);
    node.layout.partitions.swap(0, 1);
    let before = plan(&node).unwrap();
    assert_eq!((flags(before.os_disk()), before.notes.len()), ("-p-".into(), 0), "what the layout has costs nothing");
}

#[test]
fn the_largest_partition_is_the_one_to_shrink_as_long_as_something_remains_of_it() {
    let of = |mebibytes| plan(&divided("9", mebibytes, &[("/boot", exact(500)), ("/", exact(2000))])).unwrap_err();
    assert_eq!(
        of(502).to_string(),
        "layout `paper` does not fit on compute2: it needs 2501 MiB, the disk gives 502 MiB, 1999 MiB are missing"
    );
    assert_eq!(of(502).help(), "shrink the partition of `/` to 1 MiB or less, or use a layout that grows");
    assert_eq!(of(501).help(), "give the node a disk that is 2000 MiB larger, or a smaller layout");
}

#[test]
fn squeezing_an_encrypted_group_leaves_its_header_alone() {
    // 216974 less 16 for the header and 1 for LVM, in extents of 4: one MiB holds none, and 3 more are in `vg_base`.
    let of = |mebibytes: u64| {
        let mut node = node("compute2");
        node.release = "9".parse().unwrap();
        node.os_disk_mut().sectors = mebibytes * 2048;
        node.layout.volume_groups[1].encrypted = true;
        node.layout.volume_groups[1].logical_volumes[0].size = exact(216_956);
        node
    };
    let squeezed = plan(&of(238_471)).unwrap();
    assert_eq!(partitions(&squeezed)[1..], [(2, 501, 20_997, Slot::Primary), (3, 21_498, 216_973, Slot::Primary)]);
    assert_eq!(group(&squeezed, "vg_gluster"), (216_956, 0, vec![216_956]));
    let notes: Vec<_> = squeezed.notes.iter().filter(|note| note.contains("too small")).collect();
    assert!(notes.len() == 2 && notes[0].contains("216973 MiB instead of 216974 MiB"), "{notes:?}");
    assert_eq!(missing(&of(238_470)), (1, 238_471, 238_470));
    let one = plan(&of(238_474)).unwrap();
    assert_eq!(one.notes.iter().filter(|note| note.contains("instead of")).count(), 1, "{:?}", one.notes);
}

#[test]
fn boot_on_el7_may_end_at_two_tebibytes_and_not_behind() {
    let of = |data: u64| {
        let mut node = divided("7", 3_000_000, &[("/", exact(20_000)), ("/srv", exact(data)), ("/boot", exact(500))]);
        (node.firmware, node.layout.prepared) = (Firmware::Uefi, true);
        plan(&node)
    };
    // 1 before all, 600 of EFI, 20,000 and 500 beside what /srv has.
    assert_eq!(of(2_097_152 - 21_101).unwrap().os_disk().partitions[3].end(), Mib(2 << 20));
    let error = of(2_097_152 - 21_100).unwrap_err();
    assert!(error.to_string().contains("`/boot` of compute2 would end at 2097153 MiB"), "{error}");
}

#[test]
fn only_an_installer_of_red_hat_warns_about_a_small_boot() {
    let doubts = |release: &str, boot| {
        let plan = plan(&divided(release, 30_000, &[("/boot", exact(boot)), ("/", exact(20_000))])).unwrap();
        plan.notes.into_iter().filter(|note| note.starts_with("`/boot` is")).collect::<Vec<_>>()
    };
    assert_eq!(doubts("9", 300), ["`/boot` is 300 MiB: the installer of EL9 warns below 512 MiB, and goes on"]);
    assert_eq!(doubts("debian13", 300), [""; 0]);
    assert_eq!(doubts("debian13", 199).len(), 1, "too small for any");
}
