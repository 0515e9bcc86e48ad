//! Random nodes: layouts over one to four disks, both labels, both sector sizes, mirrors, everything that grows.

use std::sync::OnceLock;

use proptest::prelude::*;
use rackstart::config::{self, EXAMPLE};
use rackstart::site::{
    DiskLabel, DiskRule, DiskSlot, FileSystem, Firmware, Layout, LogicalVolumeSpec, Mib, Node, PartitionSpec,
    PartitionUse, SizeSpec, VolumeGroupSpec,
};

fn compute2() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    let find = || config::parse(EXAMPLE, "f").ok().and_then(|site| site.node_by_name("compute2").cloned());
    NODE.get_or_init(|| find().expect("compute2 of the example"))
}

/// One volume group to be: sizes of its partition and of its volumes, and what grows.
#[derive(Debug, Clone)]
struct Group {
    partition: u64,
    grows: bool,
    /// 0 is the disk of the operating system.
    disk: usize,
    shares: Vec<u64>,
    growing_shares: usize,
    /// A second physical volume on another disk, if there is one.
    spans: bool,
}

fn a_group() -> impl Strategy<Value = Group> {
    let size = prop_oneof![5..60_000u64, Just(1000u64), (5..60u64).prop_map(|n| n * 4 + 1)];
    let grows = prop::sample::select(vec![false, false, true]);
    let disk = prop::sample::select(vec![0usize, 0, 0, 1, 2]);
    (size, grows, disk, prop::collection::vec(1..100u64, 0..4), 0..3usize, prop::bool::weighted(0.15)).prop_map(
        |(partition, grows, disk, shares, growing_shares, spans)| Group {
            partition,
            grows,
            disk,
            shares,
            growing_shares,
            spans,
        },
    )
}

/// A compute node of the testbed with other disks, another layout, firmware and release.
pub fn a_node() -> impl Strategy<Value = Node> {
    let release = prop::sample::select(vec!["6.3", "6.10", "7", "8", "9", "10"]);
    let slack = prop_oneof![Just(0i64), -20..20i64, 0..100_000i64, Just(5_000_000i64)];
    let disk = (slack, 0..2048u64, prop::sample::select(vec![512u32, 512, 512, 512, 4096]));
    let kind = (prop::bool::weighted(0.4), prop::bool::weighted(0.2), release, 1..4usize);
    let odd = (prop::bool::weighted(0.1), prop::bool::weighted(0.05));
    let label = prop::sample::select(vec![None, None, None, None, None, Some(DiskLabel::Gpt), Some(DiskLabel::Msdos)]);
    let extended = prop_oneof![4 => Just(None), 1 => (0..100_000u64).prop_map(Some)];
    let groups = prop::collection::vec(a_group(), 1..7);
    let plain = (2..6000u64, 0..3usize, 0..8usize, prop::bool::weighted(0.3));
    let plain = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(plain, 1..3)];
    (groups, kind, 100..2000u64, prop::collection::vec(disk, 4), (label, extended), plain, odd).prop_map(
        |(groups, (uefi, mirror, release, disks), boot, sizes, (label, extended), plain, (plain_root, prepared))| {
            let mut node = compute2().clone();
            node.firmware = if uefi { Firmware::Uefi } else { Firmware::Bios };
            node.release = release.parse().expect("a release");
            node.layout = layout(&groups, boot, disks);
            add_plain(&mut node.layout, &plain, disks);
            if plain_root {
                make_root_plain(&mut node.layout);
            }
            node.layout.label = label;
            node.layout.prepared = prepared;
            node.layout.extended = extended.filter(|_| !mirror).map(Mib);
            node.disks = (0..disks).map(|index| slot(&node.layout, index, sizes[index])).collect();
            if mirror {
                node.layout.mirror = Some(("os".into(), "twin".into()));
                let mut twin = slot(&node.layout, 0, sizes[3]);
                twin.slot = "twin".into();
                node.disks.push(twin);
            }
            node
        },
    )
}

/// File systems without LVM, anywhere among the partitions, now and then before `/boot`: size, disk, place, XFS.
fn add_plain(layout: &mut Layout, plain: &[(u64, usize, usize, bool)], disks: usize) {
    for (index, &(size, disk, place, xfs)) in plain.iter().enumerate() {
        let file_system = if xfs { FileSystem::Xfs } else { FileSystem::Ext4 };
        let purpose = PartitionUse::Mount { path: format!("/plain{index}"), file_system };
        let disk = (0 < disk && disk < disks).then(|| slot_name(disk));
        let place = place.min(layout.partitions.len());
        layout.partitions.insert(place, PartitionSpec { size: SizeSpec::Exact(Mib(size)), purpose, disk });
    }
}

/// `/` on a partition of its own, in the place of `/boot`, which there is none of.
fn make_root_plain(layout: &mut Layout) {
    let is_boot = |purpose: &PartitionUse| matches!(purpose, PartitionUse::Mount { path, .. } if path == "/boot");
    for spec in layout.partitions.iter_mut().filter(|spec| is_boot(&spec.purpose)) {
        spec.purpose = PartitionUse::Mount { path: "/".into(), file_system: FileSystem::Ext4 };
    }
    for volume in layout.volume_groups.iter_mut().flat_map(|group| &mut group.logical_volumes) {
        if volume.mount.as_deref() == Some("/") {
            volume.mount = Some("/was-root".into());
        }
    }
}

fn slot_name(index: usize) -> String {
    if index == 0 { "os".into() } else { format!("brick{index}") }
}

/// A disk about as large as what is wanted on it.
fn slot(layout: &Layout, index: usize, (slack, odd, sector_size): (i64, u64, u32)) -> DiskSlot {
    let name = slot_name(index);
    let on_it = layout.partitions.iter().filter(|spec| spec.disk.as_deref().unwrap_or("os") == name);
    let wanted: u64 = on_it.map(|spec| spec.size.minimum().0 + 1).sum();
    let mib = (wanted as i64 + slack).max(100) as u64;
    let sectors = (mib * 2048 + odd) * 512 / u64::from(sector_size);
    DiskSlot { slot: name, rule: DiskRule::of(sectors, sector_size) }
}

fn layout(groups: &[Group], boot: u64, disks: usize) -> Layout {
    let purpose = PartitionUse::Mount { path: "/boot".into(), file_system: FileSystem::Ext4 };
    let mut partitions = vec![PartitionSpec { size: SizeSpec::Exact(Mib(boot)), purpose, disk: None }];
    let mut volume_groups = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let name = format!("vg_{index}");
        let disk = if group.disk < disks { group.disk } else { 0 };
        let size = match group.grows {
            true => SizeSpec::Grow(Mib(group.partition)),
            false => SizeSpec::Exact(Mib(group.partition)),
        };
        let on = |disk: usize| PartitionSpec {
            size,
            purpose: PartitionUse::PhysicalVolume { volume_group: name.clone() },
            disk: (disk > 0).then(|| slot_name(disk)),
        };
        partitions.push(on(disk));
        let spans = group.spans && disks > 1;
        if spans {
            partitions.push(on((disk + 1) % disks));
        }
        volume_groups.push(VolumeGroupSpec { name, logical_volumes: volumes(index, group), spans, encrypted: false });
    }
    if groups[0].shares.is_empty() {
        let size = SizeSpec::Grow(Mib(4));
        let root =
            LogicalVolumeSpec { name: "root".into(), size, file_system: FileSystem::Ext4, mount: Some("/".into()) };
        volume_groups[0].logical_volumes.push(root);
    }
    Layout { name: "random".into(), partitions, volume_groups, ..Layout::default() }
}

fn volumes(index: usize, group: &Group) -> Vec<LogicalVolumeSpec> {
    let room = (group.partition.max(1) - 1) / 4;
    let total: u64 = group.shares.iter().sum::<u64>().max(1);
    let volume = |(number, share): (usize, &u64)| {
        let size = SizeSpec::Exact(Mib((room * share / total).max(1) * 4));
        let size = if number < group.growing_shares { SizeSpec::Grow(size.minimum()) } else { size };
        let mount = if (index, number) == (0, 0) { "/".into() } else { format!("/data/{index}/{number}") };
        LogicalVolumeSpec { name: format!("lv_{number}"), size, file_system: FileSystem::Ext4, mount: Some(mount) }
    };
    group.shares.iter().enumerate().map(volume).collect()
}
