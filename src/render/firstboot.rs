//! The firstboot payload: a tar file with the steps of this node's role and its own values.

use serde::Serialize;
use tar::{Builder, EntryType, Header};

use crate::lifecycle::{BootToken, GlusterId};
use crate::secrets::{MASK, RenewalKey, Secrets, of_targets};
use crate::site::{BrickSets, Image, Nic, NicNetwork, Node, REPLICA, Security, Site};

use super::engine::Engine;
use super::escape::Context;
use super::links;
use super::{RenderError, RenderProblem};

/// Where the payload comes from.
pub(super) const FOLDER: &str = "templates/firstboot/";
/// The variable that says what is tried in the end. It and the number of copies are worked out before they are rendered.
const ACCEPTANCE: &str = "acceptance";
/// The folder of the payload with the public keys of repositories.
const KEYS: &str = "keys";
/// The file of the payload that holds secrets.
const SECRETS: &str = "secrets";
/// The files that a node needs to take a newer payload.
const DIGEST: &str = "digest";
const RENEWAL_KEY: &str = "renewal-key";

/// One file of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFile {
    /// Path below `/usr/lib/rackstart`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Content.
    pub data: Vec<u8>,
}

/// Values of `templates/firstboot/*.j2`: the facts of this node, and every variable of the blueprint by its own name.
#[derive(Debug, Serialize)]
struct PayloadValues<'a> {
    #[serde(flatten)]
    variables: serde_json::Map<String, serde_json::Value>,
    server: String,
    token: &'a str,
    node: &'a str,
    role: &'a str,
    address: String,
    targets: String,
    nodes: &'a str,
    computes: &'a str,
    controller: &'a str,
    gateway: &'a str,
    replica: usize,
    /// The nodes whose bricks make the volume: whole sets of `replica` each, in the order of the sets.
    bricks: &'a str,
    security: Security,
    lan_cidr: String,
    /// Where ssh is answered from in hardened mode: the provisioning network alone.
    ssh_from: String,
    release: String,
    install_tree: &'a str,
    /// Repositories beside the install tree: their paths below `/repo/` of the server.
    yum_repositories: String,
    /// Name, disk format, kind of checksum and checksum of each image, with `|` between them.
    images: String,
    /// What acceptance tries: nothing that needs an image when there is none.
    acceptance: String,
    /// Cards are known by MAC: their names depend on the order of drivers.
    lan_mac: String,
    public_mac: String,
    /// By which libvirt tells this node from its peers.
    host_uuid: String,
    /// What the two networks are reached by: a card, a bond or a VLAN.
    lan_link: String,
    public_link: String,
    /// Empty unless the node was in a pool before.
    gluster_uuid: &'a str,
    hosts: &'a [HostValues],
}

/// What a node is told of what the store remembers; nothing for people and proofs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told<'a> {
    /// The secrets of the whole site; masked without.
    pub secrets: Option<&'a Secrets>,
    /// Its identity among its GlusterFS peers.
    pub gluster: Option<&'a GlusterId>,
    /// The digest of this payload and the key for a newer one.
    pub renewal: Option<(&'a str, &'a RenewalKey)>,
}

/// What the payloads of all nodes have in common: every node has to know every other.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    nodes: String,
    computes: String,
    bricks: String,
    replica: usize,
    controller: &'a str,
    gateway: &'a str,
    hosts: Vec<HostValues>,
}

#[derive(Debug, Serialize)]
struct HostValues {
    address: String,
    names: String,
}

/// Returns every file of the payload, in a fixed order.
pub(super) fn files(
    engine: &Engine,
    site: &Site,
    node: &Node,
    token: &BootToken,
    cluster: &Cluster<'_>,
    told: Told<'_>,
) -> Result<Vec<PayloadFile>, RenderError> {
    let targets = site.blueprint.targets(&node.role);
    let gluster_uuid = told.gluster.map(GlusterId::as_str).unwrap_or_default();
    let values = PayloadValues { gluster_uuid, ..PayloadValues::new(site, node, token, &targets, cluster) };
    let mut files = Vec::new();
    for name in engine.names(FOLDER) {
        let path = &name[FOLDER.len()..];
        if !belongs(path, &targets) {
            continue;
        }
        let file = match path.strip_suffix(".j2") {
            Some(path) => {
                let text = engine.render(&name, &values)?;
                PayloadFile { path: path.into(), mode: 0o600, data: text.into_bytes() }
            }
            None => {
                let data = engine.file(&name).ok_or_else(|| RenderError::new(&name, RenderProblem::Missing))?;
                let mode = if data.starts_with(b"#!") { 0o755 } else { 0o644 };
                PayloadFile { path: path.into(), mode, data }
            }
        };
        files.push(file);
    }
    let text = match told.secrets {
        Some(secrets) => secrets_file(site, node, secrets)?,
        None => secret_lines(site, node, |_| Ok(MASK.into()))?,
    };
    files.push(PayloadFile { path: SECRETS.into(), mode: 0o600, data: text.into_bytes() });
    if let Some((digest, key)) = told.renewal {
        for (path, text) in [(DIGEST, digest), (RENEWAL_KEY, key.reveal())] {
            files.push(PayloadFile { path: path.into(), mode: 0o600, data: format!("{text}\n").into_bytes() });
        }
    }
    for repository in site.repositories_of(node) {
        let key = repository.gpg_key.as_ref().map(|key| key.clone().into_bytes());
        files.extend(key.map(|data| PayloadFile { path: format!("{KEYS}/{}", repository.name), mode: 0o644, data }));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The file `secrets` of a node: the values that its own targets may have, and no other.
pub fn secrets_file(site: &Site, node: &Node, secrets: &Secrets) -> Result<String, RenderError> {
    secret_lines(site, node, |name| {
        let missing = || RenderProblem::Value { variable: name.into(), why: "has no value in the store".into() };
        let value = secrets.get(name).ok_or_else(|| RenderError::new(SECRETS, missing()))?;
        Ok(value.reveal().to_string())
    })
}

fn secret_lines(
    site: &Site,
    node: &Node,
    value: impl Fn(&str) -> Result<String, RenderError>,
) -> Result<String, RenderError> {
    let targets = site.blueprint.targets(&node.role);
    let mut text = String::from("# The passwords that this node may know, by rackstart. Loaded after `env`.\n");
    for (name, _) in of_targets(&site.blueprint, &targets) {
        let quoted = Context::Shell.encode(&value(name)?).map_err(|why| {
            RenderError::new(SECRETS, RenderProblem::Value { variable: name.clone(), why: why.into() })
        })?;
        text.push_str(&format!("{name}={quoted}\n"));
    }
    Ok(text)
}

/// Renders what differs from node to node: name and text of each `*.j2`.
pub(super) fn rendered(
    engine: &Engine,
    site: &Site,
    node: &Node,
    token: &BootToken,
    cluster: &Cluster<'_>,
) -> Result<Vec<(String, String)>, RenderError> {
    let targets = site.blueprint.targets(&node.role);
    let values = PayloadValues::new(site, node, token, &targets, cluster);
    let names = engine.names(FOLDER);
    let templates = names.iter().filter_map(|name| Some((name, name[FOLDER.len()..].strip_suffix(".j2")?)));
    templates
        .filter(|(_, path)| belongs(path, &targets))
        .map(|(name, path)| Ok((path.to_string(), engine.render(name, &values)?)))
        .collect()
}

/// Whether a node with these targets gets the file: all but hidden files and the step folders of other roles.
pub(super) fn belongs(path: &str, targets: &[String]) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    if file.starts_with('.') {
        return false;
    }
    let Some(step) = path.strip_prefix("steps/").and_then(|rest| rest.split_once('/')) else { return true };
    let target = step.0.rsplit('-').next().unwrap_or_default();
    targets.iter().any(|known| known == target)
}

/// Packs the files. The same files give the same bytes: no clock, no owner, no order of a file system in them.
pub(super) fn pack(files: &[PayloadFile]) -> std::io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    let mut folders = std::collections::BTreeSet::new();
    for file in files {
        for (index, _) in file.path.match_indices('/') {
            if folders.insert(&file.path[..index]) {
                let mut header = header(EntryType::Directory, 0o755, 0);
                builder.append_data(&mut header, format!("{}/", &file.path[..index]), std::io::empty())?;
            }
        }
        let mut header = header(EntryType::Regular, file.mode, file.data.len() as u64);
        builder.append_data(&mut header, &file.path, file.data.as_slice())?;
    }
    builder.into_inner()
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

impl<'a> PayloadValues<'a> {
    fn new(site: &'a Site, node: &'a Node, token: &'a BootToken, targets: &[String], cluster: &'a Cluster<'a>) -> Self {
        let mac = |nic: Option<&Nic>| nic.map(|nic| nic.mac.to_string()).unwrap_or_default();
        let variables =
            site.blueprint.variables.iter().filter(|(name, _)| ![ACCEPTANCE, REPLICA].contains(&name.as_str()));
        let variables = variables.map(|(name, value)| (name.clone(), value.clone().into()));
        Self {
            variables: variables.collect(),
            server: site.server.url(),
            token: token.reveal(),
            node: node.name.as_str(),
            role: &node.role,
            address: node.address.to_string(),
            targets: targets.join(" "),
            nodes: &cluster.nodes,
            replica: cluster.replica,
            bricks: &cluster.bricks,
            computes: &cluster.computes,
            controller: cluster.controller,
            gateway: cluster.gateway,
            security: site.security,
            lan_cidr: site.network.subnet.to_string(),
            ssh_from: site.network.subnet.to_string(),
            release: node.release.number(),
            install_tree: &node.install_tree,
            yum_repositories: yum_repositories(site, node),
            images: site.images.iter().map(image_words).collect::<Vec<_>>().join(" "),
            acceptance: acceptance(site),
            lan_mac: mac(node.lan_nic()),
            public_mac: mac(node.public_nic()),
            host_uuid: super::host_uuid::of(node.mac),
            lan_link: links::words(node, NicNetwork::Lan),
            public_link: links::words(node, NicNetwork::Public),
            gluster_uuid: "",
            hosts: &cluster.hosts,
        }
    }
}

/// The parts of the node's repositories, as paths below `/repo/`.
fn yum_repositories(site: &Site, node: &Node) -> String {
    let mut paths = Vec::new();
    for repository in site.repositories_of(node) {
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

/// What is tried in the end. A machine needs an image; where the site has none, only the services are asked.
fn acceptance(site: &Site) -> String {
    let wanted = site.blueprint.variables.get(ACCEPTANCE).map(String::as_str).unwrap_or_default();
    let possible = |word: &&str| *word == "services" || site.test_image().is_some();
    wanted.split_whitespace().filter(possible).collect::<Vec<_>>().join(" ")
}

impl<'a> Cluster<'a> {
    /// Looks at every node once.
    pub fn new(site: &'a Site) -> Self {
        Self::of(site, &site.nodes)
    }

    /// Looks at a few nodes only: enough to prove what a template does with one node's own values.
    pub fn sample(site: &'a Site) -> Self {
        Self::of(site, &site.nodes[..site.nodes.len().min(3)])
    }

    /// Nobody at all, for texts that shall not change when other nodes do.
    pub fn nobody(site: &'a Site) -> Self {
        Self::of(site, &[])
    }

    fn of(site: &'a Site, nodes: &'a [Node]) -> Self {
        let roles = |target: &str| {
            let has = |role: &&String| site.blueprint.targets(role).iter().any(|known| known == target);
            site.blueprint.roles.keys().filter(has).collect::<Vec<_>>()
        };
        let of = |target: &str| {
            let roles = roles(target);
            nodes.iter().filter(move |node| roles.contains(&&node.role)).map(|node| node.name.as_str())
        };
        let computes: Vec<&str> = of("compute").collect();
        let sets = sets_of(site, nodes);
        Self {
            nodes: nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(" "),
            replica: sets.copies,
            bricks: sets.members().map(|node| node.name.as_str()).collect::<Vec<_>>().join(" "),
            computes: computes.join(" "),
            controller: of("controller").next().unwrap_or_default(),
            gateway: of("gateway").next().unwrap_or_default(),
            hosts: nodes.iter().map(|node| HostValues::new(site, node)).collect(),
        }
    }
}

/// The sets of bricks among these nodes.
fn sets_of<'a>(site: &'a Site, nodes: &'a [Node]) -> BrickSets<'a> {
    let is_here = |node: &&Node| nodes.iter().any(|other| other.mac == node.mac);
    if nodes.len() == site.nodes.len() {
        return BrickSets::of(site);
    }
    let all = BrickSets::of(site);
    let holders = all.members().chain(all.spare.iter().copied()).filter(is_here).collect();
    BrickSets::among(crate::site::named_replica(site), holders)
}

impl HostValues {
    /// A node with its names: its own, and the aliases of its role.
    fn new(site: &Site, node: &Node) -> Self {
        let role = site.blueprint.roles.get(&node.role);
        let aliases = role.map(|role| role.aliases.as_slice()).unwrap_or_default();
        let names = std::iter::once(node.name.as_str()).chain(aliases.iter().map(String::as_str));
        Self { address: node.address.to_string(), names: names.collect::<Vec<_>>().join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gets_the_steps_of_its_targets_only() {
        let targets = ["all", "gateway", "compute"].map(String::from);
        for (path, expected) in [
            ("install", true),
            ("lib/report.sh", true),
            ("steps/01-network-gateway/01-iptables-nat.sh", true),
            ("steps/02-glusterfs-all/01-x.sh", true),
            ("steps/03-glusterfs-controller/01-x.sh", false),
            ("README.md", true),
            ("steps/02-glusterfs-all/.keep", false),
        ] {
            assert_eq!(belongs(path, &targets), expected, "{path}");
        }
    }

    #[test]
    fn the_cards_of_a_node_are_told_by_mac_and_its_readme_is_there() {
        let site = crate::site::testing::paper_site();
        for (name, lan, public) in [
            ("compute1", "52:54:00:a8:01:01", "52:54:00:a8:01:00"),
            ("compute2", "52:54:00:a8:02:01", ""),
            ("controller", "52:54:00:a8:05:00", ""),
        ] {
            let node = site.node_by_name(name).unwrap();
            let token = BootToken::from_random([0; 16]);
            let files = files(
                &Engine::new(Default::default()).unwrap(),
                &site,
                node,
                &token,
                &Cluster::new(&site),
                Told::default(),
            )
            .unwrap();
            let text = |path: &str| {
                let file = files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"));
                String::from_utf8(file.data.clone()).unwrap()
            };
            let env = text("env");
            for line in [format!("LAN_MAC='{lan}'"), format!("PUBLIC_MAC='{public}'"), "RELEASE='6.10'".into()] {
                assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
            }
            // The unit file and `--help` point at it.
            assert!(text("README.md").starts_with("# Firstboot\n"));
        }
    }

    #[test]
    fn packing_twice_gives_the_same_bytes() {
        let files = [PayloadFile { path: "steps/01-a-all/01-b.sh".into(), mode: 0o755, data: b"#!/bin/sh\n".into() }];
        let bytes = pack(&files).unwrap();
        assert_eq!(bytes, pack(&files).unwrap());
        let mut archive = tar::Archive::new(bytes.as_slice());
        let paths: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[2].to_str(), Some("steps/01-a-all/01-b.sh"));
    }
}
