//! Text out: boot scripts, kickstarts, the answer to a redeemed permit, firstboot payloads. Templates choose and loop,
//! they never compute; every value reaches them finished and leaves them encoded for the text it stands in.

mod boot_script;
mod engine;
mod error;
mod escape;
mod firstboot;
mod kickstart;
mod prove;
mod templates;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::lifecycle::{BootToken, WipeScope};
use crate::plan::{self, NodePlan};
use crate::site::{Mac, Node, Site};

use boot_script::{InstallValues, LONGEST_ARGUMENTS, LocalDiskValues};
use engine::Engine;
use firstboot::Cluster;
use kickstart::{KickstartValues, StorageValues};

pub use error::{RenderError, RenderProblem};
pub use firstboot::PayloadFile;
pub use kickstart::{ESP_LABEL, STORAGE_FILE};
pub use prove::{Fault, prove, prove_nodes};
pub use templates::Templates;

const KICKSTART: &str = "kickstart/base.ks.j2";
const STORAGE: &str = "kickstart/storage.ks.j2";
const INSTALL: &str = "templates/ipxe/install.ipxe.j2";
const LOCAL_DISK: &str = "templates/ipxe/local-disk.ipxe.j2";
const UNKNOWN: &str = "templates/ipxe/unknown.ipxe.j2";

/// Renders everything that a node is ever served. Built once; every template is parsed then.
pub struct Renderer {
    engine: Engine,
}

impl Renderer {
    /// Reads the embedded templates.
    pub fn new() -> Result<Self, RenderError> {
        Self::with_templates(Templates::default())
    }

    /// The same, with some templates replaced by the operator's.
    pub fn with_templates(own: Templates) -> Result<Self, RenderError> {
        Ok(Self { engine: Engine::new(own)? })
    }

    /// The boot script that starts the installer; the token is the secret of this one boot.
    pub fn boot_script_install(&self, site: &Site, node: &Node, token: &BootToken) -> Result<String, RenderError> {
        let values = InstallValues::new(site, node, token);
        let length = values.arguments.len();
        if length > LONGEST_ARGUMENTS {
            let problem = RenderProblem::TooLong { what: "kernel command line", length, most: LONGEST_ARGUMENTS };
            return Err(RenderError::new(INSTALL, problem));
        }
        self.engine.render(INSTALL, &values)
    }

    /// The boot script that starts what is on the disk, and shows why. The reason may hold a machine's own words.
    pub fn boot_script_local_disk(&self, node: &Node, reason: &str) -> Result<String, RenderError> {
        self.engine.render(LOCAL_DISK, &LocalDiskValues::new(node, reason))
    }

    /// The screen of a machine that is not in the site file.
    pub fn boot_script_unknown(&self, mac: Mac) -> Result<String, RenderError> {
        #[derive(Serialize)]
        struct Values {
            mac: Mac,
        }
        self.engine.render(UNKNOWN, &Values { mac })
    }

    /// The kickstart as it is served: everything but the storage commands.
    pub fn kickstart(&self, site: &Site, node: &Node, token: &BootToken) -> Result<String, RenderError> {
        let plan = plan::plan(node).map_err(|error| RenderError::new(KICKSTART, error.into()))?;
        self.engine.render(KICKSTART, &KickstartValues::new(site, node, &plan, token))
    }

    /// The storage commands for the disk that `%pre` found: the answer to a redeemed permit, and nothing else's.
    pub fn storage_section(
        &self,
        node: &Node,
        plan: &NodePlan,
        disk: &str,
        scope: WipeScope,
    ) -> Result<String, RenderError> {
        check_disk_name(disk)?;
        self.engine.render(STORAGE, &StorageValues::new(node, plan, disk, scope))
    }

    /// The whole kickstart with the storage commands in their place, for people and for checks; never served.
    pub fn kickstart_whole(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        disk: &str,
        scope: WipeScope,
    ) -> Result<String, RenderError> {
        let plan = plan::plan(node).map_err(|error| RenderError::new(KICKSTART, error.into()))?;
        let storage = self.storage_section(node, &plan, disk, scope)?;
        let served = self.engine.render(KICKSTART, &KickstartValues::new(site, node, &plan, token))?;
        Ok(whole(&served, &storage))
    }

    /// The files of the firstboot payload.
    pub fn firstboot_files(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
    ) -> Result<Vec<PayloadFile>, RenderError> {
        firstboot::files(&self.engine, site, node, token, &Cluster::new(site))
    }

    /// The firstboot payload: a tar file, extracted to `/usr/lib/rackstart` on the node.
    pub fn firstboot_payload(&self, site: &Site, node: &Node, token: &BootToken) -> Result<Vec<u8>, RenderError> {
        self.payload(site, node, token, &Cluster::new(site))
    }

    fn payload(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        cluster: &Cluster<'_>,
    ) -> Result<Vec<u8>, RenderError> {
        let files = firstboot::files(&self.engine, site, node, token, cluster)?;
        firstboot::pack(&files)
            .map_err(|error| RenderError::new("templates/firstboot", RenderProblem::Template(error.to_string())))
    }
}

/// The storage commands in the place where the installer includes them.
fn whole(served: &str, storage: &str) -> String {
    served.replace(&format!("%include {STORAGE_FILE}\n"), storage)
}

/// A kernel name such as `sda`, `nvme0n1` or `cciss/c0d0`. It comes from the wire, so it is checked like nothing else.
fn check_disk_name(disk: &str) -> Result<(), RenderError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'/' | b'-');
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_lowercase());
    if disk.len() <= 40 && disk.bytes().all(allowed) && disk.split('/').all(part) {
        return Ok(());
    }
    let why = "is not the name of a disk, such as sda or nvme0n1".into();
    Err(RenderError::new(STORAGE, RenderProblem::Value { variable: "disk".into(), why }))
}
