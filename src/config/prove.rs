//! The last proofs before a site is accepted: every disk can be divided as asked, every template renders.

use crate::plan::{PlanError, plan};
use crate::render::{self, RenderError, RenderProblem, Renderer};
use crate::site::{Node, Site};

/// Why a node cannot be served.
pub(super) struct Fault {
    /// What is wrong with which node.
    pub message: String,
    /// One thing to do.
    pub help: String,
    /// Whether the layout is to blame by itself, whatever the disk.
    pub blames_layout: bool,
}

/// Proves that the layout of a node fits its disks. `is_own_layout`: the site file describes it, so its reader can.
pub(super) fn fits(node: &Node, is_own_layout: bool) -> Result<(), Fault> {
    let Err(error) = plan(node) else { return Ok(()) };
    let grows = node.layout.partitions.iter().any(|partition| partition.size.grows());
    let help = match &error {
        // The sizes belong to a blueprint inside the binary: the reader can change the layout or the disk, not them.
        PlanError::DiskTooSmall { .. } if !grows && !is_own_layout => {
            "set `layout = \"grow\"` on this node, or use a larger disk".into()
        }
        PlanError::DiskTooSmall { needed, .. } if !is_own_layout => format!("use a disk of at least {needed}"),
        other => other.help(),
    };
    Err(Fault { message: error.to_string(), help, blames_layout: error.blames_layout() })
}

/// Renders everything that could be served, for every node; returns the index of the node with each fault.
pub(super) fn prove_templates(site: &Site) -> Vec<(usize, Fault)> {
    let renderer = match Renderer::new() {
        Ok(renderer) => renderer,
        Err(error) => return vec![(0, Fault { message: error.to_string(), help: help(&error), blames_layout: false })],
    };
    let faults = render::prove(&renderer, site).into_iter().map(|fault| {
        let index = site.nodes.iter().position(|node| node.name == fault.node).unwrap_or(0);
        let message = format!("the {} of node `{}` cannot be rendered: {}", fault.what, fault.node, fault.error);
        (index, Fault { message, help: help(&fault.error), blames_layout: false })
    });
    faults.collect()
}

fn help(error: &RenderError) -> String {
    match (&error.problem, error.help()) {
        (_, Some(help)) => help,
        (RenderProblem::TooLong { what: "kernel command line", .. }, None) => "shorten its `kernel_args`".into(),
        (RenderProblem::TooLong { .. } | RenderProblem::Value { .. }, None) => {
            "change the value in the site file".into()
        }
        (RenderProblem::Template(_) | RenderProblem::Missing, None) => {
            format!("correct {}; a template of rackstart itself is a defect to report", error.template)
        }
        (RenderProblem::Undefined { .. } | RenderProblem::Plan(_), None) => "correct the template".into(),
    }
}
