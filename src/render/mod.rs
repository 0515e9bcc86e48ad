//! Renders text: boot scripts, kickstarts, the answer to a redeemed permit, firstboot payloads. Templates choose and
//! loop, but never compute; every value reaches them finished, and is encoded for the text in which it is written.

mod access;
mod boot_script;
mod classes;
mod container;
mod disk_rule;
mod engine;
mod error;
mod escape;
mod exposure;
mod firstboot;
mod foreign_dhcp;
mod host_uuid;
mod kickstart;
mod links;
mod measure;
mod own_blueprint;
mod own_steps;
mod packages;
mod payload;
mod payload_values;
mod prove;
mod storage;
mod tang;
mod templates;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::boot::ClientArch;
use crate::hex::hex;
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan::{self, NodePlan};
use crate::secrets::{RenewalKey, Secrets};
use crate::site::{Blueprint, DiskBus, Keepsakes, Mac, Node, Site};

pub use boot_script::ScriptFor;
use boot_script::{InstallValues, LONGEST_ARGUMENTS, LocalDiskValues};
use engine::Engine;
use firstboot::Told;
use kickstart::KickstartValues;
use payload_values::Cluster;
use storage::StorageValues;

pub use error::{RenderError, RenderProblem};
pub(crate) use exposure::{Exposure, Opening};
pub(crate) use firstboot::{PayloadFile, secrets_file};
pub(crate) use foreign_dhcp::ForeignDhcp;
pub(crate) use kickstart::{ESP_LABEL, STORAGE_FILE};
pub(crate) use own_steps::StepFault;
pub(crate) use packages::LAST_GROUP;
pub(crate) use payload_values::FACTS_OF_NODES;
pub use prove::{Fault, Prover, prove, prove_nodes};
pub use storage::StorageSecrets;
pub use templates::Templates;
pub(crate) use templates::{BLUEPRINT_FILE, BLUEPRINTS, RULES_FILE, STEP_SETS, shipped, shipped_file, shipped_names};
pub(crate) use texts::{Texts, texts_of_node, texts_of_site};

const KICKSTART: &str = "kickstart/base.ks.j2";
const STORAGE: &str = "kickstart/storage.ks.j2";
const GRUB_START: &str = "templates/grub/start.grub.j2";
const AUTOEXEC: &str = "templates/ipxe/autoexec.ipxe.j2";

/// The template of a boot script.
fn script(reader: ScriptFor, what: &str) -> String {
    let word = reader.word();
    format!("templates/{word}/{what}.{word}.j2")
}

/// Whether every reader of a kickstart takes this passphrase unchanged without quotes, and every keyboard can type it.
pub(crate) fn carries_passphrase(text: &str) -> bool {
    escape::Context::Kickstart.encode(text).is_ok_and(|encoded| encoded == text)
}

/// Renders everything that a node is ever served. It is built once, and parses every template then.
pub struct Renderer {
    engine: Engine,
    /// rackstart's own templates with the operator's hooks; present if the operator replaced some of the templates.
    measure: Option<Engine>,
}

impl Renderer {
    /// Parses the embedded templates.
    pub fn new() -> Result<Self, RenderError> {
        Self::with_templates(Templates::default())
    }

    /// Parses the embedded templates, some of them replaced by the operator's.
    pub fn with_templates(own: Templates) -> Result<Self, RenderError> {
        let measure = own.measure().map(Engine::new).transpose()?;
        Ok(Self { engine: Engine::new(own)?, measure })
    }

    /// Describes which of the operator's templates are in use; `None` when none is.
    pub(crate) fn own_templates(&self) -> Option<String> {
        self.engine.own_in_use()
    }

    /// What is wrong with the operator's own firstboot steps, and with what the blueprint promises of its files.
    pub(crate) fn own_step_faults(&self, blueprint: &Blueprint) -> Vec<StepFault> {
        self.engine.own_step_faults(blueprint)
    }

    /// The boot script that starts the installer; the token is the secret of this one boot.
    pub fn boot_script_install(&self, site: &Site, node: &Node, token: &BootToken) -> Result<String, RenderError> {
        self.install_script(ScriptFor::Ipxe, site, node, token)
    }

    /// The boot script that starts the system on the disk, and shows why. The reason may contain a machine's own words.
    pub fn boot_script_local_disk(&self, node: &Node, reason: &str) -> Result<String, RenderError> {
        self.local_disk_script(ScriptFor::Ipxe, node, reason)
    }

    /// Like [`Self::boot_script_install`], for any loader.
    pub(crate) fn install_script(
        &self,
        reader: ScriptFor,
        site: &Site,
        node: &Node,
        token: &BootToken,
    ) -> Result<String, RenderError> {
        let values = InstallValues::new(site, node, token, reader);
        let (name, length) = (script(reader, "install"), values.arguments.len());
        if length > LONGEST_ARGUMENTS {
            let problem = RenderProblem::TooLong { what: "kernel command line", length, most: LONGEST_ARGUMENTS };
            return Err(RenderError::new(&name, problem));
        }
        self.engine.render(&name, &values)
    }

    /// Like [`Self::boot_script_local_disk`], for any loader.
    pub(crate) fn local_disk_script(
        &self,
        reader: ScriptFor,
        node: &Node,
        reason: &str,
    ) -> Result<String, RenderError> {
        self.engine.render(&script(reader, "local-disk"), &LocalDiskValues::new(node, reason))
    }

    /// The screen of a node that cannot be served now, with the reason, which may contain a machine's own words.
    pub(crate) fn refused_script(&self, reader: ScriptFor, node: &Node, reason: &str) -> Result<String, RenderError> {
        self.engine.render(&script(reader, "refused"), &LocalDiskValues::new(node, reason))
    }

    /// The screen of a machine that is not in the site file.
    pub fn unknown_script(&self, reader: ScriptFor, mac: Mac) -> Result<String, RenderError> {
        #[derive(Serialize)]
        struct Values {
            mac: Mac,
        }
        self.engine.render(&script(reader, "unknown"), &Values { mac })
    }

    /// What GRUB gets first, under whatever name it looks for: it reads the machine's UUID and asks for its script.
    pub(crate) fn grub_start(&self, site: &Site, mac: Mac, http: bool) -> Result<String, RenderError> {
        #[derive(Serialize)]
        struct Values {
            root: String,
            mac: String,
        }
        let values = Values { root: ScriptFor::Grub { http }.root(site), mac: mac.hyphenated() };
        self.engine.render(GRUB_START, &values)
    }

    /// What iPXE since version 2.0 looks for beside itself.
    pub(crate) fn autoexec(&self, site: &Site, mac: Mac, arch: ClientArch) -> Result<String, RenderError> {
        #[derive(Serialize)]
        struct Values {
            url: String,
            arch: String,
        }
        let url = format!("{}/boot/{}", site.server.url(), mac.hyphenated());
        self.engine.render(AUTOEXEC, &Values { url, arch: arch.to_string() })
    }

    /// The kickstart of a node by the site's current plan, without the storage commands.
    pub fn kickstart(&self, site: &Site, node: &Node, token: &BootToken) -> Result<String, RenderError> {
        let plan = plan::plan(node).map_err(|error| RenderError::new(KICKSTART, error.into()))?;
        self.kickstart_planned(site, node, &plan, token)
    }

    /// The kickstart as it is served: everything but the storage commands. `plan` is what this boot was promised; the
    /// site file may plan something else by now.
    pub fn kickstart_planned(
        &self,
        site: &Site,
        node: &Node,
        plan: &NodePlan,
        token: &BootToken,
    ) -> Result<String, RenderError> {
        self.engine.render(KICKSTART, &KickstartValues::new(site, node, plan, token))
    }

    /// The storage commands for the disks that `%pre` found, by slot; before them, where the plan needs it, the
    /// preparation that `%pre` runs. Only the answer to a redeemed permit contains this text.
    pub fn storage_section(
        &self,
        node: &Node,
        plan: &NodePlan,
        disks: &BTreeMap<String, String>,
        scope: WipeScope,
    ) -> Result<String, RenderError> {
        self.storage_section_keeping(node, plan, disks, scope, &[])
    }

    /// Like [`Self::storage_section`], for a reimage that keeps volume groups, with the identities that `%pre` must
    /// find again.
    pub fn storage_section_keeping(
        &self,
        node: &Node,
        plan: &NodePlan,
        disks: &BTreeMap<String, String>,
        scope: WipeScope,
        identities: &[String],
    ) -> Result<String, RenderError> {
        let (values, section) = self.storage_draft(node, plan, disks, scope, identities)?;
        match self.measure_storage(node, &values, &section).into_iter().next() {
            Some(error) => Err(error),
            None => Ok(section),
        }
    }

    /// The answer to a redeemed permit: the section as [`Self::storage_section_keeping`] tests it, with secrets in place
    /// of their masks.
    pub fn storage_answer(
        &self,
        node: &Node,
        plan: &NodePlan,
        disks: &BTreeMap<String, String>,
        scope: WipeScope,
        identities: &[String],
        secrets: &StorageSecrets,
    ) -> Result<String, RenderError> {
        self.storage_section_keeping(node, plan, disks, scope, identities)?;
        let values = StorageValues::new(node, plan, disks, scope, identities).with_secrets(node, secrets);
        self.engine.render(STORAGE, &values)
    }

    /// The section as rendered, before it is compared with what the plan demands.
    fn storage_draft<'a>(
        &self,
        node: &'a Node,
        plan: &'a NodePlan,
        disks: &'a BTreeMap<String, String>,
        scope: WipeScope,
        identities: &'a [String],
    ) -> Result<(StorageValues<'a>, String), RenderError> {
        check_disks(plan, disks)?;
        if scope == WipeScope::KeepVolumeGroups && !plan.arrays.is_empty() {
            let why = "cannot be kept on mirrored disks: their devices have no names that last".into();
            return Err(RenderError::new(STORAGE, RenderProblem::Value { variable: "keep".into(), why }));
        }
        if scope == WipeScope::KeepVolumeGroups && plan.volume_groups.iter().any(|group| group.encrypted) {
            let why = "cannot be kept on encrypted disks: the installer would have to open them first".into();
            return Err(RenderError::new(STORAGE, RenderProblem::Value { variable: "keep".into(), why }));
        }
        let values = StorageValues::new(node, plan, disks, scope, identities);
        let section = self.engine.render(STORAGE, &values)?;
        Ok((values, section))
    }

    /// The complete kickstart with the storage commands filled in, for people and for checks; never served.
    pub fn kickstart_whole(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        disks: &BTreeMap<String, String>,
        scope: WipeScope,
    ) -> Result<String, RenderError> {
        let plan = plan::plan(node).map_err(|error| RenderError::new(KICKSTART, error.into()))?;
        let storage = storage_commands(&self.storage_section(node, &plan, disks, scope)?);
        let served = self.engine.render(KICKSTART, &KickstartValues::new(site, node, &plan, token))?;
        Ok(whole(node, &served, &storage))
    }

    /// The files of the firstboot payload for people: secrets print as `***`.
    pub fn firstboot_files(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
    ) -> Result<Vec<PayloadFile>, RenderError> {
        firstboot::files(&self.engine, site, node, token, &Cluster::new(&self.engine, site), Told::default())
    }

    /// The firstboot payload: a tar file, extracted to `/usr/lib/rackstart` on the node. `secrets` are those of the
    /// whole site; those of the node's own targets are included. `kept` holds the keepsakes that the node reported
    /// before it was reinstalled.
    pub(crate) fn firstboot_payload(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        secrets: &Secrets,
        kept: &Keepsakes,
    ) -> Result<Vec<u8>, RenderError> {
        let told = Told { secrets: Some(secrets), kept: Some(kept), renewal: None };
        self.payload(site, node, token, &Cluster::new(&self.engine, site), told)
    }

    /// The payload with what a node needs to take a newer one later: its digest, and the key that newer payloads are
    /// sealed with.
    pub(crate) fn firstboot_renewal(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        secrets: &Secrets,
        kept: &Keepsakes,
        key: &RenewalKey,
    ) -> Result<Vec<u8>, RenderError> {
        let digest = self.firstboot_digest(site, node, secrets)?;
        let told = Told { secrets: Some(secrets), kept: Some(kept), renewal: Some((&digest, key)) };
        self.payload(site, node, token, &Cluster::new(&self.engine, site), told)
    }

    /// The digest of a payload, which ignores the token of the boot and the keepsakes that the node itself reported.
    pub(crate) fn firstboot_digest(&self, site: &Site, node: &Node, secrets: &Secrets) -> Result<String, RenderError> {
        let told = Told { secrets: Some(secrets), ..Told::default() };
        let tar =
            self.payload(site, node, &BootToken::from_random([0; 16]), &Cluster::new(&self.engine, site), told)?;
        Ok(hex(&Sha256::digest(&tar)))
    }

    fn payload(
        &self,
        site: &Site,
        node: &Node,
        token: &BootToken,
        cluster: &Cluster,
        told: Told<'_>,
    ) -> Result<Vec<u8>, RenderError> {
        let files = firstboot::files(&self.engine, site, node, token, cluster, told)?;
        firstboot::pack(&files)
            .map_err(|error| RenderError::new("templates/firstboot", RenderProblem::Template(error.to_string())))
    }
}

/// Puts the storage commands, and those of bonds and VLANs, in the places where the installer includes them.
fn whole(node: &Node, served: &str, storage: &str) -> String {
    let whole = served.replace(&format!("%include {STORAGE_FILE}\n"), storage);
    match links::commands(node, served) {
        Some(network) => whole.replace(&format!("%include {}\n", links::NETWORK_FILE), &network),
        None => whole,
    }
}

/// The storage section without the preparation: the part that the installer reads.
pub(crate) fn storage_commands(section: &str) -> String {
    let mut preparation = false;
    let mut commands = String::with_capacity(section.len());
    for line in section.split_inclusive('\n') {
        preparation |= line == "# rackstart: preparation\n";
        if !preparation {
            commands.push_str(line);
        }
        preparation &= line != "# rackstart: end of preparation\n";
    }
    commands
}

/// Names for the disks of a plan when no machine was asked, for people and for tests of templates: the name in the
/// rule, else `sda`, `sdb`, ….
pub fn example_disks(node: &Node, plan: &NodePlan) -> BTreeMap<String, String> {
    let mut disks = BTreeMap::new();
    let named = |slot: &str| node.disk(slot).and_then(|rule| rule.name.clone());
    for disk in &plan.disks {
        let taken = |name: &String| {
            disks.values().any(|other| other == name)
                || plan.disks.iter().any(|other| other.slot != disk.slot && named(&other.slot).as_ref() == Some(name))
        };
        let is_nvme = node.disk(&disk.slot).is_some_and(|rule| rule.bus == Some(DiskBus::Nvme));
        let usual = |place: usize| match (is_nvme, u8::try_from(place)) {
            (false, Ok(place)) => format!("sd{}", char::from(b'a' + place)),
            _ => format!("nvme{place}n1"),
        };
        let free = (0..26).map(usual).find(|name| !taken(name));
        disks.insert(disk.slot.clone(), named(&disk.slot).or(free).unwrap_or_else(|| "sda".into()));
    }
    disks
}

/// Checks that every slot of the plan has a disk, that no two are the same, and that every name is a disk name.
fn check_disks(plan: &NodePlan, disks: &BTreeMap<String, String>) -> Result<(), RenderError> {
    let refuse = |why: String| Err(RenderError::new(STORAGE, RenderProblem::Value { variable: "disks".into(), why }));
    for (index, disk) in plan.disks.iter().enumerate() {
        let Some(name) = disks.get(&disk.slot) else { return refuse(format!("names no disk for `{}`", disk.slot)) };
        check_disk_name(name)?;
        if plan.disks[..index].iter().any(|other| disks.get(&other.slot) == Some(name)) {
            return refuse(format!("names {name} twice"));
        }
    }
    Ok(())
}

/// Accepts a kernel name such as `sda`, `nvme0n1` or `cciss/c0d0`. The name comes from the network, and nothing else
/// has checked it.
fn check_disk_name(disk: &str) -> Result<(), RenderError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'/' | b'-');
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_lowercase());
    if disk.len() <= 40 && disk.bytes().all(allowed) && disk.split('/').all(part) {
        return Ok(());
    }
    let why = "is not the name of a disk, such as sda or nvme0n1".into();
    Err(RenderError::new(STORAGE, RenderProblem::Value { variable: "disk".into(), why }))
}
