//! The firstboot payload: a tar file with the steps of this node's role and its own values.

use tar::{Builder, EntryType, Header};

use crate::lifecycle::BootToken;
use crate::secrets::{MASK, RenewalKey, Secrets, of_targets};
use crate::site::{Keepsakes, Node, Site};

use super::engine::Engine;
use super::escape::Context;
use super::payload_values::{Cluster, PayloadValues};
use super::{RenderError, RenderProblem};

/// The folder of the payload that holds the public keys of repositories.
const KEYS: &str = "keys";
/// The file of the payload that holds secrets.
const SECRETS: &str = "secrets";
/// The files that a node needs to take a newer payload: the digest of its own, and the key.
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

/// What the store remembers for a node's payload; nothing when rendering for people or for tests of templates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told<'a> {
    /// The secrets of the whole site; without them they are masked.
    pub secrets: Option<&'a Secrets>,
    /// The keepsakes that the node reported before it was reinstalled.
    pub kept: Option<&'a Keepsakes>,
    /// The digest of this payload, and the key for newer ones.
    pub renewal: Option<(&'a str, &'a RenewalKey)>,
}

/// Returns every file of the payload, in a fixed order.
pub(super) fn files(
    engine: &Engine,
    site: &Site,
    node: &Node,
    token: &BootToken,
    cluster: &Cluster,
    told: Told<'_>,
) -> Result<Vec<PayloadFile>, RenderError> {
    let targets = site.blueprint.targets(&node.role);
    let values = PayloadValues::new(site, node, token, &targets, cluster, told.kept);
    let mut files = Vec::new();
    for (path, name) in cluster.files.iter().filter(|(path, _)| belongs(path, &targets)) {
        let file = match path.strip_suffix(".j2") {
            Some(path) => {
                let text = engine.render(name, &values)?;
                PayloadFile { path: path.into(), mode: 0o600, data: text.into_bytes() }
            }
            None => {
                let data = engine.file(name).ok_or_else(|| RenderError::new(name, RenderProblem::Missing))?;
                let mode = if data.starts_with(b"#!") { 0o755 } else { 0o644 };
                PayloadFile { path: path.clone(), mode, data }
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
    for repository in site.repositories_of(node).filter(|_| node.container.is_none()) {
        let key = repository.gpg_key.as_ref().map(|key| key.clone().into_bytes());
        files.extend(key.map(|data| PayloadFile { path: format!("{KEYS}/{}", repository.name), mode: 0o644, data }));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The `secrets` file of a node: only the values that its own targets may have.
pub(crate) fn secrets_file(site: &Site, node: &Node, secrets: &Secrets) -> Result<String, RenderError> {
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
    cluster: &Cluster,
) -> Result<Vec<(String, String)>, RenderError> {
    let targets = site.blueprint.targets(&node.role);
    let values = PayloadValues::new(site, node, token, &targets, cluster, None);
    let templates = cluster.files.iter().filter_map(|(path, name)| Some((name, path.strip_suffix(".j2")?)));
    templates
        .filter(|(_, path)| belongs(path, &targets))
        .map(|(name, path)| Ok((path.to_string(), engine.render(name, &values)?)))
        .collect()
}

/// Whether a node with these targets gets the file: all except hidden files and the step folders of other roles.
pub(super) fn belongs(path: &str, targets: &[String]) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    if file.starts_with('.') {
        return false;
    }
    let Some(step) = path.strip_prefix("steps/").and_then(|rest| rest.split_once('/')) else { return true };
    let target = step.0.rsplit('-').next().unwrap_or_default();
    targets.iter().any(|known| known == target)
}

/// Packs the files. Equal files give equal bytes: no clock, owner or file system order enters the archive.
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
            let engine = Engine::new(Default::default()).unwrap();
            let files = files(&engine, &site, node, &token, &Cluster::new(&engine, &site), Told::default()).unwrap();
            let text = |path: &str| {
                let file = files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"));
                String::from_utf8(file.data.clone()).unwrap()
            };
            let env = text("env");
            for line in [format!("LAN_MAC='{lan}'"), format!("PUBLIC_MAC='{public}'"), "RELEASE='6.10'".into()] {
                assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
            }
            // The unit file and `--help` refer to it.
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
