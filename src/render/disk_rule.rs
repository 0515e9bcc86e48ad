//! The disk rules of a node, as `%pre` compares them.

use serde::Serialize;

use crate::plan::NodePlan;
use crate::site::{DiskSlot, Node, plain_wwn};

/// What `%pre` knows about the disk of one slot. Texts are empty where the site file says nothing.
#[derive(Debug, Serialize)]
pub(crate) struct DiskRuleValues {
    slot: String,
    name: String,
    serial: String,
    wwn: String,
    by_id: String,
    model: String,
    bus: String,
    only: bool,
    sector_size: u32,
    min_blocks: u64,
    max_blocks: u64,
    /// Whether the installer partitions the disk, so that its alignment rules apply.
    divided: bool,
    words: String,
}

/// The rules of the disks that the plan uses, the one of the operating system first.
pub(crate) fn disk_rules(node: &Node, plan: &NodePlan) -> Vec<DiskRuleValues> {
    let used = |slot: &&DiskSlot| plan.disk(&slot.slot).is_some();
    let divided = |slot: &str| plan.disk(slot).is_some_and(|disk| !disk.is_prepared());
    node.disks.iter().filter(used).map(|slot| DiskRuleValues::new(slot, divided(&slot.slot))).collect()
}

impl DiskRuleValues {
    fn new(DiskSlot { slot, rule }: &DiskSlot, divided: bool) -> Self {
        let (least, most) = rule.size_range();
        let text = |value: &Option<String>| value.as_deref().unwrap_or_default().trim().to_string();
        Self {
            slot: slot.clone(),
            name: text(&rule.name),
            serial: text(&rule.serial),
            wwn: rule.wwn.as_deref().map(plain_wwn).unwrap_or_default(),
            by_id: text(&rule.by_id),
            model: text(&rule.model),
            bus: rule.bus.map(|bus| bus.to_string()).unwrap_or_default(),
            only: rule.only,
            sector_size: rule.sector_size,
            min_blocks: least.div_ceil(512),
            // More than any disk has, but still a number that a shell can compare.
            divided,
            max_blocks: (most / 512).min(1 << 53),
            words: rule.to_string(),
        }
    }
}
