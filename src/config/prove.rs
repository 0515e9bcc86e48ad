//! The last proofs before a site is accepted: every disk can be divided as requested, and every template renders.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::plan::{PlanError, plan};
use crate::render::{self, RenderError, RenderProblem, Renderer, Templates};
use crate::shares::in_shares;
use crate::site::{Node, NodeName, Site};

/// Up to this many nodes are not worth a second thread.
const MAX_NODES_ALONE: usize = 64;

/// Why a node cannot be served.
pub(super) struct Fault {
    /// What is wrong, and with which node.
    pub message: String,
    /// One thing to do.
    pub help: String,
    /// Whether the layout itself is to blame, whatever the disk.
    pub blames_layout: bool,
}

/// Proves that the layout of a node fits its disks. `is_own_layout` says that the site file describes the layout, so
/// its reader can change it.
pub(super) fn fits(node: &Node, is_own_layout: bool) -> Result<(), Fault> {
    let Err(error) = plan(node) else { return Ok(()) };
    let grows = node.layout.partitions.iter().any(|partition| partition.size.grows());
    let help = match &error {
        // The sizes belong to a blueprint inside the binary: the reader can change the layout or the disk, but not the
        // sizes.
        PlanError::DiskTooSmall { .. } if !grows && !is_own_layout => {
            "set `layout = \"grow\"` on this node, or use a larger disk".into()
        }
        PlanError::DiskTooSmall { needed, .. } if !is_own_layout => format!("use a disk of at least {needed}"),
        other => other.help(),
    };
    Err(Fault { message: error.to_string(), help, blames_layout: error.blames_layout() })
}

/// Renders everything that could be served, for every node; returns each fault with the index of its node. A fault that
/// several nodes have in common is returned once.
pub(super) fn prove_templates(renderer: &Renderer, site: &Site) -> Vec<(usize, Fault)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = site.nodes.len().div_ceil(threads).max(MAX_NODES_ALONE);
    let prover = render::Prover::new(renderer, site);
    let faults: Vec<render::Fault> = in_shares(&site.nodes, share, |nodes| prover.prove(nodes));
    let mut grouped: Vec<(render::Fault, usize)> = Vec::new();
    // The faults of one node come one after the other, and one fault may occur in several of its lines.
    let mut last: Vec<NodeName> = Vec::new();
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    for fault in faults {
        match places.entry((fault.what, place_and_reason(&fault.error))) {
            Entry::Occupied(place) => {
                let place = *place.get();
                grouped[place].1 += usize::from(last[place] != fault.node);
                last[place] = fault.node;
            }
            Entry::Vacant(place) => {
                place.insert(grouped.len());
                last.push(fault.node.clone());
                grouped.push((fault, 0));
            }
        }
    }
    let explain = |(fault, others): (render::Fault, usize)| {
        let index = site.nodes.iter().position(|node| node.name == fault.node).unwrap_or(0);
        let node = match others {
            0 => format!("`{}`", fault.node),
            others => format!("`{}` and {others} more", fault.node),
        };
        let verb = match fault.error.problem {
            RenderProblem::Installer { .. } => "would fail",
            RenderProblem::Departs { .. } => "is not as it must be",
            _ => "cannot be rendered",
        };
        let message = format!("the {} of node {node} {verb}: {}", fault.what, fault.error);
        (index, Fault { message, help: help(&fault.error), blames_layout: false })
    };
    grouped.into_iter().map(explain).collect()
}

/// The error without the parts that differ between nodes: the template's line in place of the kickstart line that it
/// became.
fn place_and_reason(error: &RenderError) -> String {
    match (&error.problem, error.line) {
        (RenderProblem::Installer { what, .. }, Some(line)) => format!("{}:{line}: {what}", error.template),
        // The sizes and names in that line are those of one node.
        (RenderProblem::Departs { right: Some((template, Some(right))), .. }, line) => {
            format!("{}:{}: {template}:{right}", error.template, line.unwrap_or(0))
        }
        _ => error.to_string(),
    }
}

/// Reads the templates once. A fault found here does not belong to any node.
pub(super) fn renderer(own: Templates) -> Result<Renderer, Fault> {
    Renderer::with_templates(own).map_err(|error| Fault {
        message: format!("the template {error}"),
        help: help(&error),
        blames_layout: false,
    })
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
        (
            RenderProblem::Undefined { .. }
            | RenderProblem::Plan(_)
            | RenderProblem::Installer { .. }
            | RenderProblem::Departs { .. },
            None,
        ) => "correct the template".into(),
    }
}
