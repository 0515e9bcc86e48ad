//! Which parts of the store differ from what was written. They are shown and never trusted; the rest stays in use.

use std::collections::BTreeSet;

use crate::site::Mac;

/// The kind of a damaged line of the event log, and the role of a damaged token.
pub const DAMAGED: &str = "damaged";

/// What was found damaged when the store was opened, except for what has been replaced since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Nodes whose record is damaged. They are suspect and protected, so nothing is done to their disks.
    pub nodes: BTreeSet<Mac>,
    /// The number of records of which not even the node is known.
    pub nobodys: usize,
    /// Whether the order to stop all installations is unreadable. They are stopped then.
    pub stopped: bool,
    /// The number of damaged API tokens. They grant nothing.
    pub tokens: usize,
    /// Whether an index was damaged and was rebuilt. A line that seems to be missing may have been filed in the wrong
    /// place.
    pub indexes: bool,
}

impl Damage {
    /// Whether a node without a record may be one whose record is damaged, because its MAC may be the part that
    /// changed.
    pub fn hides_nodes(&self) -> bool {
        !self.nodes.is_empty() || self.nobodys > 0
    }
}
