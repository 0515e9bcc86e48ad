//! Storage is planned, not typed: what the disks will look like, according to Anaconda's own arithmetic and placement
//! order.
//!
//! The planner predicts every partition, volume group and logical volume in numbers, chooses the flags that make the
//! installer agree, and refuses what cannot be met exactly. It never rounds silently.

mod attest;
mod boot;
mod error;
mod facts;
mod keep;
mod label;
mod limits;
mod luks;
mod lvm;
mod mirror;
mod names;
mod options;
mod order;
mod outcome;
mod partition;
mod share;
mod size;
#[cfg(test)]
mod tests;
mod wanted;
mod words;

use std::collections::BTreeMap;

use crate::site::{Container, Node, SizeSpec};

use partition::Disk;

pub use crate::site::DiskLabel;
pub(crate) use attest::{compare_partitions, differences, partition_name};
pub use error::PlanError;
pub use facts::Facts;
pub(crate) use facts::PartitionFact;
#[cfg(test)]
pub(crate) use facts::{GroupFact, VolumeFact};
pub(crate) use keep::keep;
pub(crate) use outcome::{ArrayPlan, LogicalVolumePlan, PartitionRef, Placement, VolumeGroupPlan};
pub use outcome::{Content, DiskPlan, NodePlan, PartitionPlan, PhysicalVolumePlan, Slot};
pub(crate) use words::{content_words, options_words};

/// Predicts the storage of a node after the installation, or says why its layout cannot be met exactly.
pub fn plan(node: &Node) -> Result<NodePlan, PlanError> {
    names::check(node)?;
    boot::check(node)?;
    let mut notes = Vec::new();
    let disks = plan_disks(node, &mut notes)?;
    let arrays = mirror::plan_arrays(node, &disks, &mut notes);
    let volume_groups = lvm::plan_groups(node, &disks, &arrays)?;
    for group in &volume_groups {
        if let Some(kept) = &group.installer_name {
            notes.push(format!(
                "the installer of release {} calls `{}` `{kept}`; the end of the installation renames it",
                node.release, group.name
            ));
        }
        if group.encrypted {
            notes.push(luks::who_opens(node, &group.name));
        }
    }
    notes.extend(node.container.as_ref().map(image_mode));
    let mut plan = NodePlan {
        node: node.name.clone(),
        layout: node.layout.name.clone(),
        release: node.release,
        firmware: node.firmware,
        disks,
        arrays,
        volume_groups,
        options: BTreeMap::new(),
        notes,
    };
    plan.options = options::of(node, &plan);
    boot::check_place(node, &plan)?;
    limits::check(node, &plan)?;
    plan.notes.extend(limits::doubts(node, &plan));
    Ok(plan)
}

/// What the system will be, and who vouches for it.
fn image_mode(container: &Container) -> String {
    let image = &container.image;
    match &container.signed_by {
        Some(key) => format!("the system is the container {image}, signed by the key {}", key.path.display()),
        None => {
            format!("the system is the container {image}, and ITS SIGNATURE IS NOT CHECKED, as the site file says")
        }
    }
}

fn plan_disks(node: &Node, notes: &mut Vec<String>) -> Result<Vec<DiskPlan>, PlanError> {
    let used = wanted::slots(node)?;
    for disk in node.disks.iter().filter(|disk| !used.contains(&disk.slot.as_str())) {
        notes.push(format!("the layout `{}` does not use disk `{}`", node.layout.name, disk.slot));
    }
    let mut disks = Vec::new();
    for slot in used {
        let Some(rule) = node.disk(slot) else { continue };
        let (label, label_is_default) = label::of(node, slot, rule)?;
        let wanted = wanted::partitions(node, slot, label);
        notes.extend(wanted::cost(node, slot, &wanted));
        let (sectors, sector_size) = (rule.sectors, rule.sector_size);
        disks.push(Disk { node, slot, label, label_is_default, sectors, sector_size, limit: None, wanted });
    }
    divide(node, disks, notes)
}

/// Plans every disk. The second disk of a mirror gets the sizes of the first, which in turn stay within what fits on
/// the second.
fn divide(node: &Node, mut disks: Vec<Disk<'_>>, notes: &mut Vec<String>) -> Result<Vec<DiskPlan>, PlanError> {
    let Some((first, second)) = &node.layout.mirror else {
        return disks.into_iter().map(|disk| disk.plan(notes)).collect();
    };
    let Some(mut twin) = disks.extract_if(.., |disk| disk.slot == second).next() else { return Ok(Vec::new()) };
    let mut plans = Vec::new();
    for mut disk in disks {
        if disk.slot != first {
            plans.push(disk.plan(notes)?);
            continue;
        }
        disk.keep_within(&twin);
        let plan = disk.plan(notes)?;
        for wanted in &mut twin.wanted {
            let half = plan.partitions.iter().find(|partition| partition.content == wanted.content);
            wanted.size = half.map_or(wanted.size, |half| SizeSpec::Exact(half.size));
        }
        plans.push(plan);
    }
    plans.push(twin.plan(notes)?);
    plans.sort_by_key(|plan| node.disks.iter().position(|disk| disk.slot == plan.slot));
    Ok(plans)
}
