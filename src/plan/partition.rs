//! From wanted partitions to numbered ones: the label, what the firmware needs, sizes, slots and starts.

use crate::site::{DiskLabel, FileSystem, Firmware, Mib, Node, PartitionSpec, PartitionUse, SizeSpec};

use super::order::{self, Disorder, Request};
use super::size::{self, GRAIN, MBR_SECTORS};
use super::{Content, DiskPlan, PartitionPlan, Placement, PlanError, Slot};

/// GRUB 2 needs no more on a GPT disk of a BIOS machine.
const BIOS_BOOT: Mib = Mib(1);
/// EFI system partition when the layout names none: Anaconda's own default from EL7 on.
const EFI_SYSTEM: Mib = Mib(600);
/// The same on EL6.
const EFI_SYSTEM_EL6: Mib = Mib(200);
/// The kernel gives `sda` sixteen minor numbers, the first for the disk itself.
const MOST_PARTITIONS: usize = 15;
/// Slots of an MBR; the last one becomes the extended partition when more are wanted.
const MBR_SLOTS: usize = 4;

/// Plans the disk. The notes say where it differs from the layout as written.
pub fn plan_disk(node: &Node, notes: &mut Vec<String>) -> Result<DiskPlan, PlanError> {
    let label = label(node)?;
    let wanted = wanted(node, label);
    let usable_end = match label {
        DiskLabel::Msdos => size::mbr_end(node.os_disk().sectors, node.os_disk().sector_size),
        DiskLabel::Gpt => size::gpt_end(node.os_disk().sectors, node.os_disk().sector_size),
    };
    let mbr = label == DiskLabel::Msdos;
    let logical = if mbr && wanted.len() >= MBR_SLOTS { wanted.len() - (MBR_SLOTS - 1) } else { 0 };
    let overhead = GRAIN + Mib(GRAIN.0 * logical as u64);
    let sizes = resolve_sizes(node, &wanted, overhead, usable_end, notes)?;
    let requests: Vec<Request> =
        wanted.iter().zip(&sizes).map(|((_, content), &size)| Request { weight: weight(content), size }).collect();
    let placements = order::place(&requests, mbr).map_err(|disorder| refuse(node, &wanted, disorder))?;
    let contents = wanted.into_iter().map(|(_, content)| content);
    let partitions = lay_out(contents.zip(sizes).zip(placements), logical > 0, usable_end);
    if partitions.len() > MOST_PARTITIONS {
        return Err(PlanError::TooManyPartitions { node: node.name.clone(), count: partitions.len() });
    }
    let last = partitions.iter().filter(|p| p.slot != Slot::Extended).map(PartitionPlan::end).max().unwrap_or(GRAIN);
    Ok(DiskPlan {
        slot: node.disks[0].slot.clone(),
        label,
        label_is_default: true,
        sectors: node.os_disk().sectors,
        sector_size: node.os_disk().sector_size,
        usable_end,
        free: usable_end - last,
        partitions,
    })
}

fn label(node: &Node) -> Result<DiskLabel, PlanError> {
    let name = node.name.clone();
    let sector_size = node.os_disk().sector_size;
    if !matches!(sector_size, 512 | 4096) {
        return Err(PlanError::SectorSize { node: name, sector_size, problem: "is neither 512 nor 4096" });
    }
    if node.firmware == Firmware::Uefi {
        return Ok(DiskLabel::Gpt);
    }
    if sector_size != 512 {
        return Err(PlanError::SectorSize { node: name, sector_size, problem: "BIOS firmware cannot boot from" });
    }
    match (node.os_disk().sectors < MBR_SECTORS, node.release.major) {
        (true, ..10) => Ok(DiskLabel::Msdos),
        (false, 6) => Err(PlanError::TooLargeForBios { node: name, release: node.release }),
        _ => Ok(DiskLabel::Gpt),
    }
}

/// The partitions that will be asked for: what the layout says, and what this firmware needs.
fn wanted(node: &Node, label: DiskLabel) -> Vec<(SizeSpec, Content)> {
    let uefi = node.firmware == Firmware::Uefi;
    let content = |spec: &PartitionSpec| match &spec.purpose {
        PartitionUse::EfiSystem => uefi.then_some(Content::EfiSystem),
        PartitionUse::Mount { path, file_system } => {
            Some(Content::Mount { mount: path.clone(), file_system: *file_system })
        }
        PartitionUse::PhysicalVolume { volume_group } => {
            Some(Content::PhysicalVolume { volume_group: volume_group.clone() })
        }
    };
    let mut wanted: Vec<_> =
        node.layout.partitions.iter().filter_map(|spec| content(spec).map(|content| (spec.size, content))).collect();
    if uefi && !wanted.iter().any(|(_, content)| *content == Content::EfiSystem) {
        let size = if node.release.is_el6() { EFI_SYSTEM_EL6 } else { EFI_SYSTEM };
        wanted.insert(0, (SizeSpec::Exact(size), Content::EfiSystem));
    }
    if !uefi && label == DiskLabel::Gpt {
        wanted.insert(0, (SizeSpec::Exact(BIOS_BOOT), Content::BiosBoot));
    }
    wanted
}

fn resolve_sizes(
    node: &Node,
    wanted: &[(SizeSpec, Content)],
    overhead: Mib,
    usable_end: Mib,
    notes: &mut Vec<String>,
) -> Result<Vec<Mib>, PlanError> {
    let mut sizes: Vec<Mib> = wanted.iter().map(|(size, _)| size.minimum()).collect();
    for ((size, content), _) in wanted.iter().zip(&sizes).filter(|((size, _), _)| size.minimum() == Mib(0)) {
        if !size.grows() {
            return Err(PlanError::Empty { node: node.name.clone(), what: what(content) });
        }
    }
    let mut growing = wanted.iter().enumerate().filter(|(_, (size, _))| size.grows());
    let grows = growing.next();
    if let (Some((_, (_, first))), Some((_, (_, second)))) = (grows, growing.next()) {
        return Err(PlanError::TwoGrow { node: node.name.clone(), first: what(first), second: what(second) });
    }
    let needed = sizes.iter().fold(overhead, |sum, &size| Mib(sum.0.saturating_add(size.0)));
    match (needed <= usable_end, grows) {
        (true, Some((index, (_, content)))) => {
            sizes[index] = sizes[index] + (usable_end - needed);
            if sizes[index] == Mib(0) {
                return Err(PlanError::Empty { node: node.name.clone(), what: what(content) });
            }
        }
        (true, None) => {}
        (false, _) => squeeze(node, wanted, &mut sizes, needed, usable_end, notes)?,
    }
    Ok(sizes)
}

/// Takes back the MiB of physical volumes that hold no extent, so that a label's overhead costs no logical volume.
fn squeeze(
    node: &Node,
    wanted: &[(SizeSpec, Content)],
    sizes: &mut [Mib],
    needed: Mib,
    usable: Mib,
    notes: &mut Vec<String>,
) -> Result<(), PlanError> {
    let mut shortfall = needed - usable;
    let asked = sizes.to_vec();
    for index in (0..sizes.len()).rev() {
        let Content::PhysicalVolume { volume_group } = &wanted[index].1 else { continue };
        let group = size::volume_group_size(sizes[index]);
        let spare = Mib(sizes[index].0.saturating_sub(size::partition_for(group).0)).min(shortfall);
        if group == Mib(0) || spare == Mib(0) {
            continue;
        }
        sizes[index] = sizes[index] - spare;
        shortfall = shortfall - spare;
        notes.push(format!(
            "the partition of `{volume_group}` is {} instead of {}: the disk is that much too small, and the volume \
             group keeps its {group}",
            sizes[index], asked[index]
        ));
    }
    if shortfall == Mib(0) {
        return Ok(());
    }
    // The shortfall to report is that of the layout as written.
    let shortfall = needed - usable;
    let largest = (0..sizes.len()).max_by_key(|&index| asked[index]);
    let shrink = largest
        .filter(|&index| asked[index] > shortfall)
        .map(|index| (what(&wanted[index].1), asked[index] - shortfall));
    let layout = node.layout.name.clone();
    Err(PlanError::DiskTooSmall { node: node.name.clone(), layout, needed, usable, shortfall, shrink })
}

fn lay_out(
    requests: impl Iterator<Item = ((Content, Mib), Placement)>,
    extended: bool,
    usable_end: Mib,
) -> Vec<PartitionPlan> {
    let mut partitions = Vec::new();
    let mut start = GRAIN;
    for (index, ((content, size), placement)) in requests.enumerate() {
        let mut slot = Slot::Primary;
        let mut number = index as u32 + 1;
        if extended && index + 1 >= MBR_SLOTS {
            if index + 1 == MBR_SLOTS {
                partitions.push(PartitionPlan {
                    number,
                    start,
                    size: usable_end - start,
                    slot: Slot::Extended,
                    content: Content::Extended,
                    placement: Placement::PLAIN,
                });
            }
            // Each logical partition has its own boot record in the MiB before it.
            start = start + GRAIN;
            (slot, number) = (Slot::Logical, number + 1);
        }
        partitions.push(PartitionPlan { number, start, size, slot, content, placement });
        start = start + size;
    }
    partitions
}

fn weight(content: &Content) -> u32 {
    match content {
        Content::EfiSystem | Content::BiosBoot => order::FIRMWARE_WEIGHT,
        Content::Mount { mount, .. } if mount == "/boot" => order::BOOT_WEIGHT,
        Content::Mount { .. } | Content::PhysicalVolume { .. } | Content::RaidMember { .. } | Content::Extended => 0,
    }
}

fn refuse(node: &Node, wanted: &[(SizeSpec, Content)], disorder: Disorder) -> PlanError {
    let node = node.name.clone();
    match disorder {
        Disorder::Weight(late) => {
            PlanError::Weight { node, what: what(&wanted[late - 1].1), before: what(&wanted[late].1) }
        }
        Disorder::Rises(index) => PlanError::Rises { node, what: what(&wanted[index].1) },
    }
}

fn what(content: &Content) -> String {
    match content {
        Content::Mount { mount, .. } => format!("the partition of `{mount}`"),
        Content::EfiSystem => "the EFI system partition".into(),
        Content::BiosBoot => "the biosboot partition".into(),
        Content::PhysicalVolume { volume_group } => format!("the partition of `{volume_group}`"),
        Content::RaidMember { array } => format!("the partition of the mirror `{array}`"),
        Content::Extended => "the extended partition".into(),
    }
}

/// Checks what the boot loader and the installer of the release demand of `/` and `/boot`.
pub fn check_boot(node: &Node) -> Result<(), PlanError> {
    let plain = |wanted: &str| {
        node.layout.partitions.iter().find_map(|spec| match &spec.purpose {
            PartitionUse::Mount { path, file_system } if path == wanted => Some(*file_system),
            _ => None,
        })
    };
    let volumes = node.layout.volume_groups.iter().flat_map(|group| &group.logical_volumes);
    let root = volumes.filter(|volume| volume.mount.as_deref() == Some("/")).map(|volume| volume.file_system).next();
    let missing = |path| PlanError::Missing { node: node.name.clone(), layout: node.layout.name.clone(), path };
    let root_file_system = plain("/").or(root).ok_or_else(|| missing("/"))?;
    let boot = plain("/boot");
    if root.is_some() && boot.is_none() {
        return Err(missing("/boot"));
    }
    let refuse = |path: &str| PlanError::Xfs { node: node.name.clone(), path: path.into(), release: node.release };
    match (root_file_system, boot) {
        (FileSystem::Xfs, _) if node.release.is_el6() => Err(refuse("/")),
        (_, Some(FileSystem::Xfs)) if node.release.is_el6() => Err(refuse("/boot")),
        _ => Ok(()),
    }
}
