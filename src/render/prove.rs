//! Ensures that nothing can fail later: everything that can ever be served is rendered once, for every node, and every
//! kickstart is read as the installer of its release reads it. With rackstart's own templates, nodes that differ only in
//! what is their own are proved by one of them (`classes.rs`).

use std::collections::HashSet;

use crate::boot::{ClientArch, LocalDiskReason};
use crate::grammar::{self, KnownScripts};
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan::{self, NodePlan};
use crate::site::{Node, NodeName, Release, Site};

use super::classes::class_of;
use super::firstboot::{self, Told};
use super::kickstart::KickstartValues;
use super::payload_values::Cluster;
use super::{KICKSTART, RenderError, RenderProblem, Renderer, ScriptFor};

/// One text that could not be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The node it is for.
    pub node: NodeName,
    /// The kind of text, in a word or two: `kickstart`, `storage section`, …
    pub what: &'static str,
    /// The reason.
    pub error: RenderError,
}

/// Renders everything for every node, and returns all failures; an empty result means that the site can be served.
pub fn prove(renderer: &Renderer, site: &Site) -> Vec<Fault> {
    prove_nodes(renderer, site, &site.nodes)
}

/// Like [`prove`], for some nodes of the site.
pub fn prove_nodes(renderer: &Renderer, site: &Site, nodes: &[Node]) -> Vec<Fault> {
    Prover::new(renderer, site).prove(nodes)
}

/// What the proofs of all nodes have in common, so that several threads can share the work.
pub struct Prover<'a> {
    renderer: &'a Renderer,
    site: &'a Site,
    token: BootToken,
    cluster: Cluster,
    sample: Cluster,
}

impl<'a> Prover<'a> {
    /// Prepares the proofs of a site.
    pub fn new(renderer: &'a Renderer, site: &'a Site) -> Self {
        let token = BootToken::from_random([0; 16]);
        let (cluster, sample) = (Cluster::new(&renderer.engine, site), Cluster::sample(&renderer.engine, site));
        Self { renderer, site, token, cluster, sample }
    }

    /// Renders everything for some nodes of the site, and returns all failures.
    pub fn prove(&self, nodes: &[Node]) -> Vec<Fault> {
        let Self { renderer, site, token, cluster, sample } = self;
        let mut whole_payloads = HashSet::new();
        let mut known = KnownScripts::default();
        let mut faults = Vec::new();
        // This text belongs to no node, and is tested with the first one.
        if let Some(first) = nodes.first().filter(|first| site.nodes.first().is_some_and(|node| node.mac == first.mac))
        {
            let unknown =
                ScriptFor::ALL.into_iter().filter_map(|reader| renderer.unknown_script(reader, first.mac).err());
            let first_of_loaders = [
                renderer.grub_start(site, first.mac, true).err(),
                renderer.autoexec(site, first.mac, ClientArch::EFI_X64).err(),
            ];
            let what = "boot script for unknown machines beside that";
            let errors = unknown.chain(first_of_loaders.into_iter().flatten());
            faults.extend(errors.map(|error| Fault { node: first.name.clone(), what, error }));
        }
        let mut proved = HashSet::new();
        let has_classes = renderer.own_templates().is_none();
        for node in nodes {
            let class = has_classes.then(|| class_of(site, node));
            if class.as_ref().is_some_and(|class| proved.contains(class)) {
                continue;
            }
            let of_node = prove_node(renderer, site, node, token, (cluster, sample), &mut whole_payloads, &mut known);
            // The nodes of a faulty class are proved one by one: each has a fault of its own.
            if of_node.is_empty() {
                proved.extend(class);
            }
            faults.extend(of_node);
        }
        faults
    }
}

/// Renders everything for one node.
fn prove_node<'a>(
    renderer: &Renderer,
    site: &Site,
    node: &'a Node,
    token: &BootToken,
    (cluster, sample): (&Cluster, &Cluster),
    whole_payloads: &mut HashSet<(&'a String, Release, bool)>,
    known: &mut KnownScripts,
) -> Vec<Fault> {
    let plan = match plan::plan(node) {
        Ok(plan) => plan,
        Err(error) => {
            let error = RenderError::new(super::STORAGE, error.into());
            return vec![Fault { node: node.name.clone(), what: "storage plan", error }];
        }
    };
    let reason = LocalDiskReason::Failed("any reason".into()).to_string();
    let mut errors = Vec::new();
    for reader in ScriptFor::ALL {
        errors.extend([
            ("boot script for the installer", renderer.install_script(reader, site, node, token).err()),
            ("boot script for the local disk", renderer.local_disk_script(reader, node, &reason).err()),
            ("boot script of a refusal", renderer.refused_script(reader, node, &reason).err()),
        ]);
    }
    errors.extend(
        kickstart(renderer, site, node, &plan, token, known).into_iter().map(|(what, error)| (what, Some(error))),
    );
    // Payloads of one role differ only in the values of `*.j2`, and the lists of all nodes are the same everywhere:
    // one payload of each kind is rendered completely, the others with short lists.
    let payload = match whole_payloads.insert((&node.role, node.release, node.public_nic().is_some())) {
        true => renderer.payload(site, node, token, cluster, Told::default()).err(),
        false => firstboot::rendered(&renderer.engine, site, node, token, sample).err(),
    };
    errors.push(("firstboot payload", payload));
    let mut of_node: Vec<Fault> = Vec::new();
    for (what, error) in errors {
        let Some(error) = error else { continue };
        // What is wrong with the node is wrong in the scripts of every loader.
        if !of_node.iter().any(|fault| fault.error == error || is_same(&fault.error, &error)) {
            of_node.push(Fault { node: node.name.clone(), what, error });
        }
    }
    of_node
}

/// Whether two errors of different templates have one cause in the node.
fn is_same(one: &RenderError, other: &RenderError) -> bool {
    matches!(one.problem, RenderProblem::TooLong { .. }) && one.problem == other.problem
}

/// Renders the kickstart and both storage sections, and reads the complete text as the installer does.
fn kickstart(
    renderer: &Renderer,
    site: &Site,
    node: &Node,
    plan: &NodePlan,
    token: &BootToken,
    known: &mut KnownScripts,
) -> Vec<(&'static str, RenderError)> {
    let disks = super::example_disks(node, plan);
    // In the form in which the store would have recorded them.
    let identities: Vec<String> = node.keep.iter().map(|group| format!("vg {group} uuid")).collect();
    let storage = |scope| {
        let identities = if scope == WipeScope::KeepVolumeGroups { identities.as_slice() } else { &[] };
        renderer.storage_draft(node, plan, &disks, scope, identities)
    };
    let values = KickstartValues::new(site, node, plan, token);
    let served = renderer.engine.render(KICKSTART, &values);
    let blank = storage(WipeScope::BlankDiskOnly);
    let keep = (!node.keep.is_empty()).then(|| storage(WipeScope::KeepVolumeGroups));
    let mut errors = Vec::new();
    if let Ok(served) = &served {
        let early = grammar::storage_commands(served).into_iter();
        errors.extend(early.map(|complaint| ("kickstart", of_installer(renderer, served, complaint))));
        errors.extend(renderer.measure_kickstart(&values, served).into_iter().map(|error| ("kickstart", error)));
    }
    // The storage sections of the scopes differ; a kept volume group has commands that no other scope uses.
    for storage in [Some(&blank), keep.as_ref()].into_iter().flatten() {
        let (Ok(served), Ok((_, storage))) = (&served, storage) else { continue };
        let whole = super::whole(node, served, &super::storage_commands(storage));
        for complaint in grammar::check_knowing(known, node.release, &whole) {
            errors.push(("kickstart", of_installer(renderer, &whole, complaint)));
        }
    }
    errors.extend(served.err().map(|error| ("kickstart", error)));
    for storage in [Some(blank), Some(storage(WipeScope::DestroyData)), keep].into_iter().flatten() {
        let faults = match storage {
            Ok((values, section)) => renderer.measure_storage(node, &values, &section),
            Err(error) => vec![error],
        };
        errors.extend(faults.into_iter().map(|error| ("storage section", error)));
    }
    errors
}

/// An error for a complaint about a line, with the template that the line most likely came from.
fn of_installer(renderer: &Renderer, whole: &str, complaint: grammar::Complaint) -> RenderError {
    let text = whole.lines().nth(complaint.line.saturating_sub(1)).unwrap_or_default();
    let (template, line) = renderer.engine.origin(text).unwrap_or_else(|| (KICKSTART.to_string(), None));
    let problem = RenderProblem::Installer { line: complaint.line, what: complaint.what, help: complaint.help };
    RenderError { template, line, problem }
}
