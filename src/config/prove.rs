//! The last proofs before a site is accepted: every disk can be divided as asked, every template renders.

use crate::plan::{PlanError, plan};
use crate::render::{self, RenderError, Renderer};
use crate::site::{Node, NodeName, Site};

/// Why a node cannot be served.
pub(super) struct Fault {
    /// What is wrong with which node.
    pub message: String,
    /// One thing to do.
    pub help: String,
}

/// Proves that the layout of a node fits its disk.
pub(super) fn fits(node: &Node) -> Result<(), Fault> {
    let Err(error) = plan(node) else { return Ok(()) };
    let grows = node.layout.partitions.iter().any(|partition| partition.size.grows());
    let help = match &error {
        // The sizes belong to a blueprint inside the binary: the reader can change the layout or the disk, not them.
        PlanError::DiskTooSmall { .. } if !grows => "set `layout = \"grow\"` on this node, or use a larger disk".into(),
        PlanError::DiskTooSmall { needed, .. } => format!("use a disk of at least {needed}"),
        other => other.help(),
    };
    Err(Fault { message: error.to_string(), help })
}

/// Renders everything that could be served, for every node; returns the index of the node with each fault.
pub(super) fn prove_templates(site: &Site) -> Vec<(usize, Fault)> {
    let fault = |error: &RenderError, what: &str| Fault {
        message: format!("{what} cannot be rendered: {error}"),
        help: error.help().unwrap_or_else(|| "correct the value that the template is given".into()),
    };
    let renderer = match Renderer::new() {
        Ok(renderer) => renderer,
        Err(error) => return vec![(0, fault(&error, "the templates"))],
    };
    let index = |name: &NodeName| site.nodes.iter().position(|node| node.name == *name).unwrap_or(0);
    let what = |found: &render::Fault| format!("the {} of node `{}`", found.what, found.node);
    let faults = render::prove(&renderer, site).into_iter();
    faults.map(|found| (index(&found.node), fault(&found.error, &what(&found)))).collect()
}
