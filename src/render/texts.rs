//! Every text of a node in one place, with a blank token, for comparing two sites.

use std::collections::BTreeMap;

use crate::boot::LocalDiskReason;
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan;
use crate::site::{Node, Site};

use super::firstboot;
use super::payload_values::Cluster;
use super::{RenderError, RenderProblem, Renderer, STORAGE, example_disks};

/// Texts by name, in an order that suits readers.
pub(crate) type Texts = BTreeMap<String, String>;

/// The plan, the boot scripts, the kickstart and the node's own part of the firstboot payload.
pub(crate) fn texts_of_node(renderer: &Renderer, site: &Site, node: &Node) -> Result<Texts, RenderError> {
    let token = BootToken::from_random([0; 16]);
    let plan = plan::plan(node).map_err(|error| RenderError::new(STORAGE, error.into()))?;
    let disks = example_disks(node, &plan);
    let json = serde_json::to_string_pretty(&plan)
        .map_err(|error| RenderError::new(STORAGE, RenderProblem::Template(error.to_string())))?;
    let mut texts = Texts::from([
        ("plan".to_string(), json + "\n"),
        ("boot-script".into(), renderer.boot_script_install(site, node, &token)?),
        ("local-disk".into(), renderer.boot_script_local_disk(node, &LocalDiskReason::Ready.to_string())?),
        ("kickstart".into(), renderer.kickstart_whole(site, node, &token, &disks, WipeScope::BlankDiskOnly)?),
    ]);
    // The other nodes are listed once for the whole site, not for every node.
    let own = firstboot::rendered(&renderer.engine, site, node, &token, &Cluster::nobody(&renderer.engine, site))?;
    texts.extend(
        own.into_iter().filter(|(name, _)| name != "hosts").map(|(name, text)| (format!("firstboot/{name}"), text)),
    );
    Ok(texts)
}

/// What all nodes share: the list of their names, and the files of the payload, by the first role that gets them.
pub(crate) fn texts_of_site(renderer: &Renderer, site: &Site) -> Result<Texts, RenderError> {
    let token = BootToken::from_random([0; 16]);
    let cluster = Cluster::new(&renderer.engine, site);
    let mut texts = Texts::new();
    for role in site.blueprint.roles.keys() {
        let Some(node) = site.nodes.iter().find(|node| node.role == *role) else { continue };
        for file in firstboot::files(&renderer.engine, site, node, &token, &cluster, firstboot::Told::default())? {
            // Rendered files belong to one node; only the list of hosts is the same for all.
            if file.mode != 0o600 || file.path == "hosts" {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                texts.entry(format!("firstboot/{}", file.path)).or_insert(text);
            }
        }
    }
    Ok(texts)
}
