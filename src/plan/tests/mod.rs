//! The paper's tables, the variants by firmware and release, and the refusals.

mod edges;
mod mirrors;
mod partitions;
mod several;

use super::*;
use crate::site::testing::paper_site;
use crate::site::{Firmware, Mib, PartitionUse, SizeSpec};

fn node(name: &str) -> Node {
    paper_site().node_by_name(name).unwrap().clone()
}

fn partitions(plan: &NodePlan) -> Vec<(u32, u64, u64, Slot)> {
    plan.os_disk().partitions.iter().map(|p| (p.number, p.start.0, p.size.0, p.slot)).collect()
}

fn group(plan: &NodePlan, name: &str) -> (u64, u64, Vec<u64>) {
    let group = plan.volume_groups.iter().find(|group| group.name == name).unwrap();
    (group.size.0, group.free.0, group.logical_volumes.iter().map(|volume| volume.size.0).collect())
}

fn growing(mut node: Node) -> Node {
    node.layout.name = "grow".into();
    node.layout.partitions.last_mut().unwrap().size = SizeSpec::Grow(Mib(8000));
    node.layout.volume_groups.last_mut().unwrap().logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
    node
}

#[test]
fn table_2_comes_out_exactly() {
    let plan = plan(&node("compute2")).unwrap();
    use Slot::Primary;
    let expected = [(1, 1, 500, Primary), (2, 501, 21000, Primary), (3, 21501, 216_974, Primary)];
    assert_eq!(partitions(&plan), expected);
    assert_eq!(group(&plan, "vg_base"), (20996, 0, vec![10000, 6000, 4996]));
    assert_eq!(group(&plan, "vg_gluster"), (216_972, 0, vec![216_972]));
    assert_eq!((plan.os_disk().label, plan.os_disk().free, plan.notes.len()), (DiskLabel::Msdos, Mib(0), 0));
}

#[test]
fn table_3_comes_out_exactly_with_an_extended_partition_over_the_rest() {
    let plan = plan(&node("controller")).unwrap();
    let expected = [
        (1, 1, 500, Slot::Primary),
        (2, 501, 17000, Slot::Primary),
        (3, 17501, 30000, Slot::Primary),
        (4, 47501, 28818, Slot::Extended),
        (5, 47503, 28791, Slot::Logical),
    ];
    assert_eq!(partitions(&plan), expected);
    assert_eq!(group(&plan, "vg_base"), (16996, 0, vec![10000, 2000, 4996]));
    assert_eq!(group(&plan, "nova-volumes"), (29996, 29996, vec![]));
    assert_eq!(group(&plan, "vg_images"), (28788, 0, vec![28788]));
    assert_eq!(plan.volume_group_names(), ["vg_base", "nova-volumes", "novavolumes", "vg_images"]);
}

#[test]
fn table_3_as_printed_is_refused_with_its_shortfall() {
    let mut node = node("controller");
    node.layout.partitions[3].size = SizeSpec::Exact(Mib(28788));
    let error = plan(&node).unwrap_err();
    assert_eq!(
        error.to_string(),
        "volume group `vg_images` on controller is too small: a partition of 28788 MiB gives 28784 MiB, its volumes \
         need 28788 MiB, 4 MiB are missing"
    );
    assert!(error.help().contains("28789 MiB"), "{}", error.help());
}

#[test]
fn a_grow_layout_is_the_table_on_the_papers_disk_and_fits_any_other() {
    assert_eq!(partitions(&plan(&growing(node("compute2"))).unwrap()), partitions(&plan(&node("compute2")).unwrap()));
    for sectors in [100_000_000, 488_397_167, 976_773_168, 4_294_967_294] {
        let mut node = growing(node("compute2"));
        node.os_disk_mut().sectors = sectors;
        let plan = plan(&node).unwrap();
        assert_eq!(plan.os_disk().free, Mib(0), "{sectors}");
        assert_eq!(group(&plan, "vg_base"), (20996, 0, vec![10000, 6000, 4996]));
        let volume_group = &plan.volume_groups[1];
        assert_eq!((volume_group.free, volume_group.logical_volumes[0].size), (Mib(0), volume_group.size));
    }
}

#[test]
fn uefi_refuses_the_exact_table_by_the_size_of_the_efi_system_partition() {
    let mut node = node("compute2");
    node.firmware = Firmware::Uefi;
    let PlanError::DiskTooSmall { shortfall, shrink, .. } = plan(&node).unwrap_err() else { panic!("another refusal") };
    // Four of the 200 MiB are in physical volumes and hold no extent.
    assert_eq!(shortfall, Mib(196));
    assert_eq!(shrink, Some(("the partition of `vg_gluster`".into(), Mib(216_774))));
    let plan = plan(&growing(node)).unwrap();
    assert_eq!(plan.os_disk().label, DiskLabel::Gpt);
    let sizes: Vec<_> = plan.os_disk().partitions.iter().map(|p| (p.number, p.size.0)).collect();
    assert_eq!(sizes, [(1, 200), (2, 500), (3, 21000), (4, 216_774)]);
    assert_eq!(group(&plan, "vg_gluster"), (216_772, 0, vec![216_772]));
}

#[test]
fn an_efi_system_partition_in_the_layout_is_left_out_on_bios() {
    let mut bios = growing(node("compute2"));
    let efi =
        crate::site::PartitionSpec { size: SizeSpec::Exact(Mib(600)), purpose: PartitionUse::EfiSystem, disk: None };
    bios.layout.partitions.insert(0, efi);
    let mut uefi = bios.clone();
    uefi.firmware = Firmware::Uefi;
    assert_eq!(partitions(&plan(&bios).unwrap()), partitions(&plan(&node("compute2")).unwrap()));
    assert_eq!(plan(&uefi).unwrap().os_disk().partitions[0].size, Mib(600));
}

#[test]
fn gpt_on_bios_gets_biosboot_and_costs_no_logical_volume() {
    let mut node = node("compute2");
    node.release = "10".parse().unwrap();
    let plan = plan(&node).unwrap();
    assert_eq!(plan.os_disk().label, DiskLabel::Gpt);
    let sizes: Vec<_> = plan.os_disk().partitions.iter().map(|p| (p.number, p.size.0)).collect();
    assert_eq!(sizes, [(1, 1), (2, 500), (3, 21000), (4, 216_973)]);
    assert_eq!(group(&plan, "vg_gluster"), (216_972, 0, vec![216_972]));
    assert!(plan.notes[0].contains("the biosboot partition takes 1 MiB of the disk"), "{:?}", plan.notes);
    assert!(plan.notes[1].contains("216973 MiB instead of 216974 MiB"), "{:?}", plan.notes);
}

#[test]
fn el6_on_bios_refuses_a_disk_that_grub_legacy_cannot_boot_and_el7_takes_gpt() {
    let mut node = growing(node("compute2"));
    node.os_disk_mut().sectors = 7_814_037_168;
    assert!(matches!(plan(&node), Err(PlanError::TooLargeForBios { .. })));
    node.release = "7".parse().unwrap();
    let plan = plan(&node).unwrap();
    assert_eq!((plan.os_disk().label, &plan.os_disk().partitions[0].content), (DiskLabel::Gpt, &Content::BiosBoot));
}

#[test]
fn a_disk_four_mib_too_small_is_squeezed_and_five_too_small_is_refused_by_one() {
    let mut node = node("compute2");
    node.os_disk_mut().sectors = 238_471 * 2048;
    let squeezed = plan(&node).unwrap();
    assert_eq!(group(&squeezed, "vg_gluster").0, 216_972);
    node.os_disk_mut().sectors = 238_470 * 2048;
    let PlanError::DiskTooSmall { shortfall, needed, usable, .. } = plan(&node).unwrap_err() else { panic!() };
    assert_eq!((shortfall, needed, usable), (Mib(1), Mib(238_471), Mib(238_470)));
}

#[test]
fn only_the_flags_that_are_needed_are_set() {
    let flags = |name: &str| -> Vec<bool> {
        plan(&node(name)).unwrap().os_disk().partitions.iter().map(|p| p.placement.as_primary()).collect()
    };
    assert_eq!(flags("compute2"), [true, true, false]);
    assert_eq!(flags("controller"), [true, true, false, false, false]);
}

#[test]
fn what_the_installer_would_round_or_refuse_is_refused_first() {
    let refusal = |change: fn(&mut Node)| {
        let mut node = node("compute2");
        change(&mut node);
        let error = plan(&node).unwrap_err();
        assert!(!error.help().is_empty());
        error.to_string()
    };
    let text = refusal(|node| node.layout.volume_groups[0].logical_volumes[2].size = SizeSpec::Exact(Mib(4994)));
    assert_eq!(text, "logical volume `lv_home` on compute2 cannot be 4994 MiB: sizes are multiples of 4 MiB");
    let text = refusal(|node| {
        node.layout.volume_groups[0].logical_volumes[0].file_system = crate::site::FileSystem::Xfs;
    });
    assert!(text.contains("`/` on compute2 is xfs"), "{text}");
    let text = refusal(|node| node.layout.volume_groups[1].name = "vg_base".into());
    assert!(text.contains("used twice"), "{text}");
    let text = refusal(|node| node.layout.volume_groups[1].logical_volumes[0].mount = Some("/home/../etc".into()));
    assert!(text.contains("is not a mount point"), "{text}");
    let text = refusal(|node| drop(node.layout.volume_groups.pop()));
    assert!(text.contains("does not describe"), "{text}");
    let text = refusal(|node| node.os_disk_mut().sector_size = 4096);
    assert!(text.contains("BIOS firmware cannot boot from"), "{text}");
}
