//! The proof that nothing can fail later: everything that can ever be served is rendered once, for every node.

use crate::boot::LocalDiskReason;
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan;
use crate::site::{NodeName, Site};

use super::{RenderError, Renderer};

/// Renders everything for every node. Returns what cannot be served: the node, the text by its name, and why; nothing
/// means that the site can be served. A fault that several texts share is told once for each node.
pub fn prove(renderer: &Renderer, site: &Site) -> Vec<(NodeName, String, RenderError)> {
    let token = BootToken::from_random([0; 16]);
    let mut faults = Vec::new();
    for node in &site.nodes {
        let plan = match plan::plan(node) {
            Ok(plan) => plan,
            Err(error) => {
                let error = RenderError::new(super::STORAGE, error.into());
                faults.push((node.name.clone(), "storage plan".into(), error));
                continue;
            }
        };
        let disk = node.disk.name.as_deref().unwrap_or("sda");
        let storage = |scope| renderer.storage_section(node, &plan, disk, scope).err();
        let reason = LocalDiskReason::Failed("any reason".into());
        let results = [
            ("boot script for the installer", renderer.boot_script_install(site, node, &token).err()),
            ("boot script for the local disk", renderer.boot_script_local_disk(site, node, &reason).err()),
            ("kickstart", renderer.kickstart(site, node, &token).err()),
            ("storage section", storage(WipeScope::BlankDiskOnly)),
            ("storage section", storage(WipeScope::DestroyData)),
            ("firstboot payload", renderer.firstboot_payload(site, node, &token).err()),
        ];
        let mut of_node: Vec<(NodeName, String, RenderError)> = Vec::new();
        for (what, error) in results {
            let Some(error) = error else { continue };
            if !of_node.iter().any(|(_, _, known)| *known == error) {
                of_node.push((node.name.clone(), what.into(), error));
            }
        }
        faults.extend(of_node);
    }
    faults
}
