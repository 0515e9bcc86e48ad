//! Storage is planned, not typed: what the disks will look like, by Anaconda's own arithmetic and placement order.
//!
//! The planner predicts every partition, volume group and logical volume in numbers, picks the flags that make the
//! installer agree, and refuses what cannot be had exactly. It never rounds in silence.

mod error;
mod lvm;
mod names;
mod order;
mod outcome;
mod partition;
mod size;
#[cfg(test)]
mod tests;

use crate::site::Node;

pub use crate::site::DiskLabel;
pub use error::PlanError;
pub use outcome::{
    ArrayPlan, Content, DiskPlan, LogicalVolumePlan, NodePlan, PartitionPlan, PartitionRef, PhysicalVolumePlan,
    Placement, Slot, VolumeGroupPlan,
};

/// Predicts the storage of a node after the installer, or says why its layout cannot be had exactly.
pub fn plan(node: &Node) -> Result<NodePlan, PlanError> {
    names::check(node)?;
    partition::check_boot(node)?;
    let mut notes = Vec::new();
    let disk = partition::plan_disk(node, &mut notes)?;
    let volume_groups = lvm::plan_groups(node, &disk)?;
    for group in &volume_groups {
        if let Some(kept) = &group.installer_name {
            notes.push(format!(
                "the installer of release {} calls `{}` `{kept}`; the end of the installation renames it",
                node.release, group.name
            ));
        }
    }
    Ok(NodePlan {
        node: node.name.clone(),
        layout: node.layout.name.clone(),
        release: node.release,
        firmware: node.firmware,
        disks: vec![disk],
        arrays: Vec::new(),
        volume_groups,
        notes,
    })
}
