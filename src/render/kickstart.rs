//! What the kickstart templates are given: finished values, nothing left to compute.

use serde::Serialize;

use crate::lifecycle::{BootToken, WipeScope};
use crate::plan::{Content, NodePlan};
use crate::site::{DiskRule, Nic, NicNetwork, Node, Security, Site};

/// Where `%pre` puts the storage commands, and where the kickstart includes them from.
pub const STORAGE_FILE: &str = "/tmp/rackstart-storage.ks";

/// FAT label of the EFI system partition; the boot script for the local disk finds it by this.
pub const ESP_LABEL: &str = "RACKSTART";

/// How long a refusal stays on the screen before the machine restarts.
const HOLD_SECONDS: u32 = 60;
/// Between two tries to reach the server.
const RETRY_SECONDS: u32 = 5;
/// How long `%pre` asks for the permit: a server that restarts is back long before.
const PERMIT_SECONDS: u32 = 900;
/// Tries of a report that must not get lost; with [`RETRY_SECONDS`] and the time-outs at least fifteen minutes.
const REPORT_TRIES: u32 = 180;

/// Everything that `kickstart/base.ks.j2` and its parts may name. Documented in `kickstart/README.md`.
#[derive(Debug, Serialize)]
pub struct KickstartValues<'a> {
    node: &'a str,
    role: &'a str,
    release: String,
    el6: bool,
    has_unsupported_hardware: bool,
    uefi: bool,
    server: String,
    token: &'a str,
    tree_url: String,
    timezone: &'a str,
    root_password_hash: Option<&'a str>,
    ssh_keys: &'a [String],
    hardened: bool,
    nics: Vec<NicValues>,
    dns: String,
    storage_file: &'static str,
    disk_rule: DiskRuleValues,
    volume_group_names: String,
    renames: Vec<Rename>,
    esp_label: &'static str,
    hold_seconds: u32,
    retry_seconds: u32,
    permit_seconds: u32,
    report_tries: u32,
}

#[derive(Debug, Serialize)]
struct NicValues {
    name: String,
    mac: String,
    network: NicNetwork,
    address: String,
    netmask: String,
    router: Option<String>,
}

#[derive(Debug, Serialize)]
struct DiskRuleValues {
    name: String,
    serial: String,
    wwn: String,
    sectors: u64,
    sector_size: u32,
    blocks: u64,
    words: String,
}

#[derive(Debug, Serialize)]
struct Rename {
    from: String,
    to: String,
}

impl<'a> KickstartValues<'a> {
    /// Collects the values of one node for one boot.
    pub fn new(site: &'a Site, node: &'a Node, plan: &NodePlan, token: &'a BootToken) -> Self {
        let renames = plan
            .volume_groups
            .iter()
            .filter_map(|group| group.installer_name.clone().map(|from| Rename { from, to: group.name.clone() }));
        Self {
            node: node.name.as_str(),
            role: &node.role,
            release: node.release.to_string(),
            el6: node.release.is_el6(),
            // pykickstart learnt the command in October 2012; on 6.3 an unknown command is fatal.
            has_unsupported_hardware: node.release.is_el6() && node.release.minor >= 4,
            uefi: plan.os_disk().partitions.iter().any(|partition| partition.content == Content::EfiSystem),
            server: site.server.url(),
            token: token.reveal(),
            tree_url: tree_url(site, node),
            timezone: &site.timezone,
            root_password_hash: site.access.root_password_hash.as_deref(),
            ssh_keys: &site.access.ssh_keys,
            hardened: site.security == Security::Hardened,
            nics: nics(site, node),
            dns: site.network.dns.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            storage_file: STORAGE_FILE,
            disk_rule: DiskRuleValues::new(node.os_disk()),
            volume_group_names: plan.volume_group_names().join(" "),
            renames: renames.collect(),
            esp_label: ESP_LABEL,
            hold_seconds: HOLD_SECONDS,
            retry_seconds: RETRY_SECONDS,
            permit_seconds: PERMIT_SECONDS,
            report_tries: REPORT_TRIES,
        }
    }
}

/// The URL of the node's install tree.
pub fn tree_url(site: &Site, node: &Node) -> String {
    format!("{}/tree/{}", site.server.url(), node.install_tree)
}

/// The LAN card first: Anaconda brings the first one up.
fn nics(site: &Site, node: &Node) -> Vec<NicValues> {
    // The paper's gateway has its default route outside; a LAN router would fight with it.
    let is_gateway = node.public_nic().is_some() || node.address == site.network.router;
    let values = |nic: &Nic| NicValues {
        name: nic.name.clone(),
        mac: nic.mac.to_string(),
        network: nic.network,
        address: node.address.to_string(),
        netmask: site.network.subnet.netmask().to_string(),
        router: (!is_gateway).then(|| site.network.router.to_string()),
    };
    let mut nics: Vec<&Nic> = node.nics.iter().collect();
    nics.sort_by_key(|nic| nic.network != NicNetwork::Lan);
    nics.into_iter().map(values).collect()
}

impl DiskRuleValues {
    fn new(rule: &DiskRule) -> Self {
        let mut words = vec![format!("{} sectors of {} bytes", rule.sectors, rule.sector_size)];
        let given = [("name", &rule.name), ("serial number", &rule.serial), ("world wide name", &rule.wwn)];
        words.extend(given.iter().filter_map(|(what, value)| value.as_ref().map(|value| format!("{what} {value}"))));
        Self {
            name: rule.name.clone().unwrap_or_default(),
            serial: rule.serial.as_deref().unwrap_or_default().trim().into(),
            wwn: rule.wwn.as_deref().map(plain_wwn).unwrap_or_default(),
            sectors: rule.sectors,
            sector_size: rule.sector_size,
            blocks: rule.bytes() / 512,
            words: words.join(", "),
        }
    }
}

/// The same spelling that `%pre` reduces a disk's own name to.
fn plain_wwn(wwn: &str) -> String {
    let lower = wwn.trim().to_ascii_lowercase();
    let prefixes = ["0x", "naa.", "eui.", "uuid."];
    prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower).to_string()
}

/// Everything that `kickstart/storage.ks.j2` may name.
#[derive(Debug, Serialize)]
pub struct StorageValues<'a> {
    node: &'a str,
    disk: &'a str,
    scope: WipeScope,
    el6: bool,
    has_disklabel: bool,
    label: String,
    kernel_args: &'a str,
    extent_kib: u64,
    partitions: Vec<PartValues>,
    volume_groups: Vec<GroupValues>,
    logical_volumes: Vec<VolumeValues>,
}

#[derive(Debug, Serialize)]
struct PartValues {
    name: String,
    file_system: Option<String>,
    size: u64,
    label: Option<&'static str>,
    as_primary: bool,
    grow_to_own_size: bool,
}

#[derive(Debug, Serialize)]
struct GroupValues {
    name: String,
    physical_volume: String,
}

#[derive(Debug, Serialize)]
struct VolumeValues {
    target: String,
    group: String,
    name: String,
    size: u64,
    file_system: String,
}

impl<'a> StorageValues<'a> {
    /// Collects the commands that make the plan come true on the disk that `%pre` found.
    pub fn new(node: &'a Node, plan: &NodePlan, disk: &'a str, scope: WipeScope) -> Self {
        let mut physical_volumes: Vec<&str> = Vec::new();
        let mut partitions = Vec::new();
        for partition in &plan.os_disk().partitions {
            let (name, file_system, label) = match &partition.content {
                Content::Extended | Content::RaidMember { .. } => continue,
                Content::Mount { mount, file_system } => (mount.clone(), Some(file_system.to_string()), None),
                Content::EfiSystem => ("/boot/efi".into(), Some("efi".into()), Some(ESP_LABEL)),
                Content::BiosBoot => ("biosboot".into(), Some("biosboot".into()), None),
                Content::PhysicalVolume { volume_group } => {
                    physical_volumes.push(volume_group);
                    (format!("pv.{:02}", physical_volumes.len()), None, None)
                }
            };
            partitions.push(PartValues {
                name,
                file_system,
                size: partition.size.0,
                label,
                as_primary: partition.placement.as_primary(),
                grow_to_own_size: partition.placement.grow_to_own_size(),
            });
        }
        let number = |group: &str| physical_volumes.iter().position(|name| *name == group).map_or(0, |index| index + 1);
        let groups = plan.volume_groups.iter().map(|group| GroupValues {
            name: group.name.clone(),
            physical_volume: format!("pv.{:02}", number(&group.name)),
        });
        let volumes = plan.volume_groups.iter().flat_map(|group| {
            group.logical_volumes.iter().map(|volume| VolumeValues {
                target: volume.mount.clone().unwrap_or_else(|| "swap".into()),
                group: group.name.clone(),
                name: volume.name.clone(),
                size: volume.size.0,
                file_system: volume.file_system.to_string(),
            })
        });
        Self {
            node: node.name.as_str(),
            disk,
            scope,
            el6: node.release.is_el6(),
            has_disklabel: node.release.major >= 8,
            label: plan.os_disk().label.to_string(),
            kernel_args: &node.kernel_args,
            extent_kib: plan.volume_groups.first().map_or(4, |group| group.extent_size.0) * 1024,
            logical_volumes: volumes.collect(),
            volume_groups: groups.collect(),
            partitions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_world_wide_name_is_the_same() {
        for spelling in ["0x5000C500A1B2C3D4", "naa.5000c500a1b2c3d4", " 5000c500a1b2c3d4 "] {
            assert_eq!(plain_wwn(spelling), "5000c500a1b2c3d4");
        }
    }
}
