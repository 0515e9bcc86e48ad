//! The values of a payload: the facts of a node, and under their own names the values that the blueprint passes to its
//! steps.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lifecycle::BootToken;
use crate::site::{Caller, CopySets, Image, Keepsakes, Nic, NicNetwork, Node, Security, Site};

use super::engine::Engine;
use super::{links, payload};

/// The names of the facts that every node has; a blueprint must not use them.
pub(crate) const FACTS_OF_NODES: [&str; 22] = [
    "server",
    "token",
    "node",
    "role",
    "address",
    "targets",
    "nodes",
    "security",
    "lan_cidr",
    "lan_networks",
    "ssh_from",
    "release",
    "install_tree",
    "yum_repositories",
    "images",
    "lan_mac",
    "public_mac",
    "host_uuid",
    "lan_link",
    "public_link",
    "hosts",
    "more",
];

/// Values of the templates of a payload: the facts of this node, and in lower case what the blueprint adds.
#[derive(Debug, Serialize)]
pub(super) struct PayloadValues<'a> {
    #[serde(flatten)]
    by_name: serde_json::Map<String, serde_json::Value>,
    /// The blueprint's values for a loop, under the names that steps know.
    more: serde_json::Map<String, serde_json::Value>,
    server: String,
    token: &'a str,
    node: &'a str,
    role: &'a str,
    address: String,
    targets: String,
    nodes: &'a str,
    security: Security,
    /// The network that the node is in.
    lan_cidr: String,
    /// All provisioning networks.
    lan_networks: &'a str,
    /// From where ssh is reachable in hardened mode: only from the provisioning networks.
    ssh_from: &'a str,
    release: String,
    install_tree: &'a str,
    /// Repositories besides the install tree, as paths below `/repo/` of the server.
    yum_repositories: String,
    /// Name, disk format, checksum type and checksum of each image, separated by `|`.
    images: String,
    /// Cards are identified by MAC, because their names depend on the order of drivers.
    lan_mac: String,
    public_mac: String,
    /// The UUID by which a hypervisor tells this node from its peers.
    host_uuid: String,
    /// The links of the two networks: a card, a bond or a VLAN.
    lan_link: String,
    public_link: String,
    hosts: &'a [HostValues],
}

/// What the payloads of all nodes have in common, because every node must know every other.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Path in the payload to the template that it comes from.
    pub files: BTreeMap<String, String>,
    nodes: String,
    /// The provisioning networks.
    networks: String,
    /// What the blueprint adds for every node, by name in lower case.
    shared: serde_json::Map<String, serde_json::Value>,
    hosts: Vec<HostValues>,
}

#[derive(Debug, Serialize)]
struct HostValues {
    address: String,
    names: String,
}

impl<'a> PayloadValues<'a> {
    pub(crate) fn new(
        site: &'a Site,
        node: &'a Node,
        token: &'a BootToken,
        targets: &[String],
        cluster: &'a Cluster,
        kept: Option<&Keepsakes>,
    ) -> Self {
        let mac = |nic: Option<&Nic>| nic.map(|nic| nic.mac.to_string()).unwrap_or_default();
        let told = |name: &String| kept.and_then(|kept| kept.get(name)).cloned().unwrap_or_default();
        let mut by_name = cluster.shared.clone();
        by_name.extend(site.blueprint.keepsakes.keys().map(|name| (name.to_lowercase(), told(name).into())));
        Self {
            more: by_name.clone(),
            server: site.server.url(),
            token: token.reveal(),
            node: node.name.as_str(),
            role: &node.role,
            address: node.address.to_string(),
            targets: targets.join(" "),
            nodes: &cluster.nodes,
            security: site.security,
            lan_cidr: site.network_of(node).subnet.to_string(),
            lan_networks: &cluster.networks,
            ssh_from: &cluster.networks,
            release: node.release.number(),
            install_tree: &node.install_tree,
            yum_repositories: yum_repositories(site, node),
            images: site.images.iter().map(image_words).collect::<Vec<_>>().join(" "),
            lan_mac: mac(node.lan_nic()),
            public_mac: mac(node.public_nic()),
            host_uuid: super::host_uuid::of(node.mac),
            lan_link: links::words(node, NicNetwork::Lan),
            public_link: links::words(node, NicNetwork::Public),
            hosts: &cluster.hosts,
            by_name,
        }
    }
}

/// The parts of the node's repositories, as paths below `/repo/`.
fn yum_repositories(site: &Site, node: &Node) -> String {
    let mut paths = Vec::new();
    // Packages of an image come with the image.
    for repository in site.repositories_of(node).filter(|_| node.container.is_none()) {
        let path = |(_, folder): (String, &str)| match folder {
            "" => repository.name.clone(),
            folder => format!("{}/{folder}", repository.name),
        };
        paths.extend(repository.parts().map(path));
    }
    paths.join(" ")
}

fn image_words(image: &Image) -> String {
    let Image { name, format, checksum, .. } = image;
    format!("{name}|{format}|{}|{}", checksum.algorithm.name(), checksum.hex)
}

/// What acceptance tests at the end; nothing that needs an image if the site has none.
fn trial(site: &Site) -> Option<(String, String)> {
    let trial = site.blueprint.trial.as_ref()?;
    let wanted = site.blueprint.variable(&trial.variable).unwrap_or_default();
    let has_image = site.test_image().is_some();
    let possible = |word: &&str| has_image || trial.without_image.iter().any(|free| free == word);
    let words: Vec<&str> = wanted.split_whitespace().filter(possible).collect();
    Some((trial.variable.clone(), words.join(" ")))
}

impl Cluster {
    /// Reads every node once.
    pub(crate) fn new(engine: &Engine, site: &Site) -> Self {
        Self::of(engine, site, &site.nodes)
    }

    /// Reads only a few nodes: enough to test what a template does with one node's own values.
    pub(crate) fn sample(engine: &Engine, site: &Site) -> Self {
        Self::of(engine, site, &site.nodes[..site.nodes.len().min(3)])
    }

    /// Reads no node, for texts that must not change when other nodes do.
    pub(crate) fn nobody(engine: &Engine, site: &Site) -> Self {
        Self::of(engine, site, &[])
    }

    fn of(engine: &Engine, site: &Site, nodes: &[Node]) -> Self {
        Self {
            files: payload::of(engine, &site.blueprint),
            nodes: names(nodes.iter()),
            networks: site.subnets().map(|subnet| subnet.to_string()).collect::<Vec<_>>().join(" "),
            shared: shared(site, nodes),
            hosts: nodes.iter().map(|node| HostValues::new(site, node)).collect(),
        }
    }
}

fn names<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    nodes.map(|node| node.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// The variables, the lists of nodes, the callers that words of the table of ports name, and the holders of copies, by
/// name in lower case.
fn shared(site: &Site, nodes: &[Node]) -> serde_json::Map<String, serde_json::Value> {
    let blueprint = &site.blueprint;
    let mut all = blueprint.variables.clone();
    let value = |name: &str| blueprint.variable(name).unwrap_or_default();
    for (word, caller) in &blueprint.callers {
        all.insert(Caller::variable(word), caller.values(value).join(" "));
    }
    for (name, list) in &blueprint.nodes {
        let roles: Vec<&str> = blueprint.roles_with(&list.provide).collect();
        let provide = nodes.iter().filter(|node| roles.contains(&node.role.as_str()));
        let most = if list.first { 1 } else { nodes.len() };
        all.insert(name.to_lowercase(), names(provide.take(most)));
    }
    if let Some(rule) = &blueprint.copies {
        let sets = sets_of(site, nodes);
        all.insert(rule.number.clone(), sets.copies.to_string());
        all.insert(rule.members.to_lowercase(), names(sets.members()));
    }
    all.extend(trial(site));
    all.into_iter().map(|(name, text)| (name, text.into())).collect()
}

/// The copy sets among these nodes.
fn sets_of<'a>(site: &'a Site, nodes: &'a [Node]) -> CopySets<'a> {
    let is_here = |node: &&Node| nodes.iter().any(|other| other.mac == node.mac);
    let all = CopySets::of(site);
    if nodes.len() == site.nodes.len() {
        return all;
    }
    CopySets::among(site, all.members().chain(all.spare.iter().copied()).filter(is_here).collect())
}

impl HostValues {
    /// A node with its names: its own, and the aliases of its role.
    fn new(site: &Site, node: &Node) -> Self {
        let role = site.blueprint.roles.get(&node.role);
        let aliases = role.map(|role| role.aliases.as_slice()).unwrap_or_default();
        // The short name stays the first: steps compare it with what the system calls itself.
        let whole = site.domain.as_ref().map(|_| site.whole_name(node.name.as_str()));
        let names = std::iter::once(node.name.as_str()).chain(whole.as_deref());
        let names = names.chain(aliases.iter().map(String::as_str));
        Self { address: node.address.to_string(), names: names.collect::<Vec<_>>().join(" ") }
    }
}
