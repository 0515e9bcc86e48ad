//! What of the store is not what was written. It is shown and never believed; the rest goes on.

use std::collections::BTreeSet;

use crate::site::Mac;

/// The kind of a line of the event log that is damaged, and the role of a token that is.
pub const DAMAGED: &str = "damaged";

/// What was found damaged when the store was opened, as far as nothing was put in its place since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Nodes whose record is damaged. They are suspect and protected: nothing leads from there to a disk.
    pub nodes: BTreeSet<Mac>,
    /// Records of which not even the node is known.
    pub nobodys: usize,
    /// Whether it is not known if all installations were stopped; they are.
    pub stopped: bool,
    /// Tokens of the API. They open nothing.
    pub tokens: usize,
    /// Whether an index was damaged and was made anew. A line that was filed in the wrong place may be one that is damaged.
    pub indexes: bool,
}

impl Damage {
    /// Whether a node without a record may be one whose record is damaged: its MAC may be what was changed.
    pub fn hides_nodes(&self) -> bool {
        !self.nodes.is_empty() || self.nobodys > 0
    }
}
