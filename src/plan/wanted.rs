//! Which partitions are wanted on each disk: what the layout says, and what firmware and mirror need in addition.

use crate::site::{DiskLabel, Firmware, Mib, Node, PartitionSpec, PartitionUse, SizeSpec};

use super::{Content, PlanError, label};

/// GRUB 2 needs no more than this on a GPT disk of a BIOS machine.
const BIOS_BOOT: Mib = Mib(1);
/// The size of the EFI system partition when the layout has none: Anaconda's own default from EL7 on.
const EFI_SYSTEM: Mib = Mib(600);
/// The size of the EFI system partition on EL6, when the layout has none.
const EFI_SYSTEM_EL6: Mib = Mib(200);

/// One partition to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub size: SizeSpec,
    /// What it will contain.
    pub content: Content,
}

/// Checks that every slot of the layout is a disk of the node, and returns the used slots in the node's order.
pub(crate) fn slots(node: &Node) -> Result<Vec<&str>, PlanError> {
    let layout = &node.layout;
    for slot in layout.slots() {
        if node.disk(slot).is_none() {
            let (node_name, slots) = (node.name.clone(), node.disks.iter().map(|disk| disk.slot.clone()).collect());
            return Err(PlanError::NoSlot { node: node_name, layout: layout.name.clone(), disk: slot.into(), slots });
        }
    }
    let misplaced = |spec: &&PartitionSpec| {
        let starts = match &spec.purpose {
            PartitionUse::EfiSystem => true,
            PartitionUse::Mount { path, .. } => path == "/boot",
            PartitionUse::PhysicalVolume { .. } => false,
        };
        starts && node.slot_of(spec) != node.disks[0].slot
    };
    if let Some(spec) = layout.partitions.iter().find(misplaced) {
        let (node_name, disk) = (node.name.clone(), node.slot_of(spec).to_string());
        return Err(PlanError::BootElsewhere { node: node_name, what: purpose_in_words(spec), disk });
    }
    if layout.mirror.is_some() && layout.extended.is_some() {
        return Err(PlanError::ExtendedMirror { node: node.name.clone() });
    }
    if let Some((_, second)) = &layout.mirror
        && let Some(spec) = layout.partitions.iter().find(|spec| node.slot_of(spec) == second)
    {
        let (node_name, disk) = (node.name.clone(), second.clone());
        return Err(PlanError::OnMirror { node: node_name, what: purpose_in_words(spec), disk });
    }
    let used = |slot: &str| {
        let mirrors = layout.mirror.as_ref().is_some_and(|(_, second)| second == slot);
        mirrors || layout.partitions.iter().any(|spec| node.slot_of(spec) == slot)
    };
    Ok(node.disks.iter().map(|disk| disk.slot.as_str()).filter(|slot| used(slot)).collect())
}

/// The partitions to make on the disk in a slot, in the order of the layout; on both disks of a mirror, the halves.
pub(crate) fn partitions(node: &Node, slot: &str, label: DiskLabel) -> Vec<Wanted> {
    let pair = node.layout.mirror.as_ref().filter(|(first, second)| slot == first || slot == second);
    let mut wanted = match pair {
        None => written(node, slot),
        Some((first, second)) => {
            let mut arrays = 0;
            let half = |one: Wanted| match is_mirrored(node, &one.content) {
                true => {
                    arrays += 1;
                    let content = Content::RaidMember { array: format!("md{}", arrays - 1) };
                    Some(Wanted { content, ..one })
                }
                false => (slot != second).then_some(one),
            };
            written(node, first).into_iter().filter_map(half).collect()
        }
    };
    // The firmware may boot from either disk of a mirror, so each disk needs its own boot loader.
    if node.firmware == Firmware::Bios && label::starts(node, slot) && label == DiskLabel::Gpt {
        wanted.insert(0, Wanted { size: SizeSpec::Exact(BIOS_BOOT), content: Content::BiosBoot });
    }
    wanted
}

/// What the layout says about a slot, plus the EFI system partition that UEFI needs and a layout may leave out.
fn written(node: &Node, slot: &str) -> Vec<Wanted> {
    let specs = node.layout.partitions.iter().filter(|spec| node.slot_of(spec) == slot);
    let mut wanted: Vec<Wanted> = specs.map(|spec| Wanted { size: spec.size, content: content(spec) }).collect();
    let needs = node.firmware == Firmware::Uefi && slot == node.disks[0].slot;
    if !needs {
        wanted.retain(|wanted| wanted.content != Content::EfiSystem);
    } else if !wanted.iter().any(|wanted| wanted.content == Content::EfiSystem) {
        let size = if node.release.is_el6() { EFI_SYSTEM_EL6 } else { EFI_SYSTEM };
        wanted.insert(0, Wanted { size: SizeSpec::Exact(size), content: Content::EfiSystem });
    }
    wanted
}

/// Whether a mirror holds the content on both disks. EL6's installer finds an EFI system partition only on a plain
/// partition.
fn is_mirrored(node: &Node, content: &Content) -> bool {
    *content != Content::EfiSystem || !node.release.is_el6()
}

/// The content of the mirrors: that of each mirrored partition of the layout, by the number of its array.
pub(crate) fn mirrored(node: &Node) -> Vec<Content> {
    let Some((first, _)) = &node.layout.mirror else { return Vec::new() };
    let contents = written(node, first).into_iter().map(|wanted| wanted.content);
    contents.filter(|content| is_mirrored(node, content)).collect()
}

fn content(spec: &PartitionSpec) -> Content {
    match &spec.purpose {
        PartitionUse::EfiSystem => Content::EfiSystem,
        PartitionUse::Mount { path, file_system } => Content::Mount { mount: path.clone(), file_system: *file_system },
        PartitionUse::PhysicalVolume { volume_group } => Content::PhysicalVolume { volume_group: volume_group.clone() },
    }
}

fn purpose_in_words(spec: &PartitionSpec) -> String {
    in_words(&content(spec))
}

/// Names a partition by its content.
pub(crate) fn in_words(content: &Content) -> String {
    match content {
        Content::Mount { mount, .. } => format!("the partition of `{mount}`"),
        Content::EfiSystem => "the EFI system partition".into(),
        Content::BiosBoot => "the biosboot partition".into(),
        Content::PhysicalVolume { volume_group } => format!("the partition of `{volume_group}`"),
        Content::RaidMember { array } => format!("the partition of the mirror `{array}`"),
        Content::Extended => "the extended partition".into(),
    }
}

/// What firmware and label take in addition to the layout as written, in prose, if anything.
pub(crate) fn cost(node: &Node, slot: &str, wanted: &[Wanted]) -> Option<String> {
    let in_layout = node.layout.partitions.iter().any(|spec| spec.purpose == PartitionUse::EfiSystem);
    let adds_efi = node.firmware == Firmware::Uefi && !in_layout && label::starts(node, slot);
    let is_efi = |content: &Content| match content {
        Content::EfiSystem => true,
        // Additions come first, so the first mirror belongs to one.
        Content::RaidMember { array } => array == "md0" && !node.release.is_el6(),
        _ => false,
    };
    let efi = wanted.iter().find(|wanted| adds_efi && is_efi(&wanted.content));
    let bios = wanted.iter().find(|wanted| wanted.content == Content::BiosBoot);
    let (extra, what, why) = match (efi, bios) {
        (Some(efi), _) => (efi, Content::EfiSystem, "UEFI firmware starts from it"),
        (None, Some(bios)) => (bios, Content::BiosBoot, "GRUB 2 needs it on a gpt disk of a BIOS machine"),
        (None, None) => return None,
    };
    let disk = if node.disks.len() == 1 { "the disk".into() } else { format!("disk `{slot}`") };
    Some(format!("{} takes {} of {disk}: {why}", in_words(&what), extra.size.minimum()))
}
