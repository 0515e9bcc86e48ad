//! Values for the kickstart templates: finished, so that templates need not compute anything.

use serde::Serialize;

use crate::lifecycle::BootToken;
use crate::plan::{Content, NodePlan};
use crate::site::{Firmware, Node, RootArchive, Security, Site};

use super::access::{self, KeyFile, UserValues};
use super::container::ContainerValues;
use super::disk_rule::{DiskRuleValues, disk_rules};
use super::links::{self, BondValues, NETWORK_FILE, NamedCard, NicValues, VlanValues};
use super::tang::TangValues;

/// Where `%pre` writes the storage commands, and from where the kickstart includes them.
pub(crate) const STORAGE_FILE: &str = "/tmp/rackstart-storage.ks";

/// FAT label of the EFI system partition, by which the boot script for the local disk finds it.
pub(crate) const ESP_LABEL: &str = "RACKSTART";

/// How long a refusal stays on the screen before the machine restarts.
const HOLD_SECONDS: u32 = 60;
/// Pause between two attempts to reach the server.
const RETRY_SECONDS: u32 = 5;
/// How long `%pre` asks for the permit: far longer than a restart of the server takes.
const PERMIT_SECONDS: u32 = 900;
/// Attempts to send a report that must not get lost; with [`RETRY_SECONDS`] and the timeouts they take at least fifteen
/// minutes.
const REPORT_TRIES: u32 = 180;

/// Everything that `kickstart/base.ks.j2` and its parts may use. Documented in `kickstart/README.md`.
#[derive(Debug, Serialize)]
pub(crate) struct KickstartValues<'a> {
    node: &'a str,
    role: &'a str,
    release: String,
    distribution: String,
    major: u8,
    el6: bool,
    has_unsupported_hardware: bool,
    uefi: bool,
    mirrors_efi: bool,
    server: String,
    token: &'a str,
    tree_url: String,
    tree_repositories: Vec<&'a str>,
    repositories: Vec<RepositoryValues>,
    timezone: &'a str,
    ntp_servers: &'a [String],
    root_password_hash: Option<&'a str>,
    ssh_key_commands: Vec<&'a str>,
    key_files: Vec<KeyFile<'a>>,
    users: Vec<UserValues<'a>>,
    container: Option<ContainerValues<'a>>,
    archive: Option<ArchiveValues<'a>>,
    tang: Option<TangValues>,
    packages: Vec<String>,
    services: String,
    services_off: String,
    hardened: bool,
    /// Whether firstboot steps write the packet filter rules; otherwise those of the kickstart stay.
    firewall_by_steps: bool,
    selinux_enforces: bool,
    has_bindto: bool,
    has_onerror: bool,
    nics: Vec<NicValues>,
    named_cards: Vec<NamedCard>,
    bonds: Vec<BondValues<'a>>,
    vlans: Vec<VlanValues<'a>>,
    links_in_installer: bool,
    cards_in_pre: bool,
    network_file: &'static str,
    dns: String,
    dns_servers: Vec<String>,
    storage_file: &'static str,
    disk_rules: Vec<DiskRuleValues>,
    kept_groups: Vec<KeptGroup<'a>>,
    volume_group_names: String,
    renames: Vec<Rename>,
    esp_label: &'static str,
    hold_seconds: u32,
    retry_seconds: u32,
    permit_seconds: u32,
    report_tries: u32,
}

/// A volume group that a reimage with `keep` looks for, with our logical volumes in it.
#[derive(Debug, Serialize)]
struct KeptGroup<'a> {
    name: &'a str,
    volumes: Vec<&'a str>,
}

/// The root file system that the installer for Debian unpacks.
#[derive(Debug, Serialize)]
struct ArchiveValues<'a> {
    url: String,
    /// Its SHA-256; none while the install tree cannot be read, and then nothing is installed.
    checksum: Option<&'a str>,
}

/// A repository besides the install tree.
#[derive(Debug, Serialize)]
struct RepositoryValues {
    name: String,
    url: String,
}

#[derive(Debug, Serialize)]
struct Rename {
    from: String,
    to: String,
}

impl<'a> KickstartValues<'a> {
    /// Collects the values of one node for one boot.
    pub(crate) fn new(site: &'a Site, node: &'a Node, plan: &'a NodePlan, token: &'a BootToken) -> Self {
        let renames = plan
            .volume_groups
            .iter()
            .filter_map(|group| group.installer_name.clone().map(|from| Rename { from, to: group.name.clone() }));
        let (ssh_key_commands, _) = access::keys(node.release, &site.access.ssh_keys);
        let (software, network) = (access::software(site, node), site.network_of(node));
        Self {
            node: node.name.as_str(),
            role: &node.role,
            release: node.release.number(),
            distribution: site.distribution_of(node),
            major: node.release.major,
            el6: node.release.is_el6(),
            // pykickstart added the command in October 2012; on 6.3 an unknown command is fatal.
            has_unsupported_hardware: node.release.is_el6() && node.release.minor >= 4,
            mirrors_efi: plan.arrays.iter().any(|array| array.content == Content::EfiSystem),
            uefi: plan.firmware == Firmware::Uefi,
            server: site.server.url(),
            token: token.reveal(),
            tree_url: tree_url(site, node),
            tree_repositories: tree_repositories(site, node),
            repositories: repositories(site, node),
            timezone: &site.timezone,
            ntp_servers: &network.ntp,
            root_password_hash: site.access.root_password_hash.as_deref(),
            ssh_key_commands,
            key_files: access::key_files(site, node),
            users: access::users(site, node),
            container: node.container.as_ref().map(ContainerValues::new),
            archive: node.release.is_debian().then(|| ArchiveValues {
                url: format!("{}/{}", tree_url(site, node), RootArchive::FILE),
                checksum: site.root_of(node).map(|root| root.checksum.hex.as_str()),
            }),
            tang: node.tang.as_ref().map(TangValues::new),
            packages: software.packages,
            services: software.services.join(","),
            services_off: software.services_off.join(","),
            hardened: site.security == Security::Hardened,
            firewall_by_steps: site.blueprint.firewall_by_steps,
            selinux_enforces: site.blueprint.selinux_enforces,
            // The option was added during the life of EL7; a release without it stops with an error.
            has_bindto: (node.release.major, node.release.minor) >= (7, 4),
            // EL7's pykickstart added the section with 7.4, in March 2017; it runs in more cases than `%traceback`.
            has_onerror: (node.release.major, node.release.minor) >= (7, 4),
            nics: links::nics(site, node),
            named_cards: links::named_cards(node),
            bonds: links::bonds(site, node),
            vlans: links::vlans(node),
            links_in_installer: links::in_installer(node),
            cards_in_pre: links::cards_in_pre(node),
            network_file: NETWORK_FILE,
            dns_servers: network.dns.iter().take(2).map(ToString::to_string).collect(),
            dns: network.dns.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            storage_file: STORAGE_FILE,
            disk_rules: disk_rules(node, plan),
            kept_groups: kept_groups(node, plan),
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
pub(crate) fn tree_url(site: &Site, node: &Node) -> String {
    format!("{}/tree/{}", site.server.url(), node.install_tree)
}

/// The repositories in the tree besides BaseOS, if it is divided as the images of EL8 and later are.
fn tree_repositories<'a>(site: &'a Site, node: &Node) -> Vec<&'a str> {
    let tree = site.install_tree(&node.install_tree).filter(|_| node.release.major >= 8);
    let names = tree.map_or(&[][..], |tree| &tree.repositories).iter().map(String::as_str);
    match names.clone().any(|name| name == "BaseOS") {
        true => names.filter(|name| *name != "BaseOS").collect(),
        false => Vec::new(),
    }
}

/// The repositories of the site file that are for this node, one entry for each part.
fn repositories(site: &Site, node: &Node) -> Vec<RepositoryValues> {
    let mut values = Vec::new();
    for repository in site.repositories_of(node) {
        let url = format!("{}/repo/{}", site.server.url(), repository.name);
        values.extend(repository.parts().map(|(name, folder)| RepositoryValues {
            name: format!("rackstart-{name}"),
            url: if folder.is_empty() { url.clone() } else { format!("{url}/{folder}") },
        }));
    }
    values
}

fn kept_groups<'a>(node: &Node, plan: &'a NodePlan) -> Vec<KeptGroup<'a>> {
    let groups = plan.volume_groups.iter().filter(|group| node.keep.contains(&group.name));
    let kept = groups.map(|group| KeptGroup {
        name: &group.name,
        volumes: group.logical_volumes.iter().map(|volume| volume.name.as_str()).collect(),
    });
    kept.collect()
}
