//! The proof that nothing can fail later: everything that can ever be served is rendered once, for every node.

use crate::boot::LocalDiskReason;
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan;
use crate::site::{NodeName, Site};

use super::{RenderError, Renderer};

/// One thing that could not be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// To which node.
    pub node: NodeName,
    /// What, in a word or two: `kickstart`, `storage section`, …
    pub what: &'static str,
    /// Why not.
    pub error: RenderError,
}

/// Renders everything for every node, and returns all that fails; empty means that the site can be served.
pub fn prove(renderer: &Renderer, site: &Site) -> Vec<Fault> {
    let token = BootToken::from_random([0; 16]);
    let mut faults = Vec::new();
    for node in &site.nodes {
        let plan = match plan::plan(node) {
            Ok(plan) => plan,
            Err(error) => {
                let error = RenderError::new(super::STORAGE, error.into());
                faults.push(Fault { node: node.name.clone(), what: "storage plan", error });
                continue;
            }
        };
        let disks = super::example_disks(node, &plan);
        let storage = |scope| renderer.storage_section(node, &plan, &disks, scope).err();
        let kept = (!node.keep.is_empty()).then(|| storage(WipeScope::KeepVolumeGroups)).flatten();
        let reason = LocalDiskReason::Failed("any reason".into()).to_string();
        let results = [
            ("boot script for the installer", renderer.boot_script_install(site, node, &token).err()),
            ("boot script for the local disk", renderer.boot_script_local_disk(node, &reason).err()),
            ("kickstart", renderer.kickstart(site, node, &token).err()),
            ("storage section", storage(WipeScope::BlankDiskOnly)),
            ("storage section", storage(WipeScope::DestroyData)),
            ("storage section", kept),
            ("firstboot payload", renderer.firstboot_payload(site, node, &token).err()),
        ];
        let mut of_node: Vec<Fault> = Vec::new();
        for (what, error) in results {
            let Some(error) = error else { continue };
            if !of_node.iter().any(|fault| fault.error == error) {
                of_node.push(Fault { node: node.name.clone(), what, error });
            }
        }
        faults.extend(of_node);
    }
    faults
}
