//! Accounts, packages and services of a node, as values for the kickstart templates.

use serde::Serialize;

use crate::site::{Node, Release, Site, Software};

/// An account other than root.
#[derive(Debug, Serialize)]
pub(crate) struct UserValues<'a> {
    name: &'a str,
    groups: String,
    password_hash: Option<&'a str>,
    ssh_key_commands: Vec<&'a str>,
}

/// An account whose keys `%post` writes.
#[derive(Debug, Serialize)]
pub(crate) struct KeyFile<'a> {
    name: &'a str,
    ssh_keys: Vec<&'a str>,
}

/// Splits key lines into those that the command `sshkey` can carry and those that `%post` writes. EL8 was the first
/// release to know the command; lines that its parser could misread are written by `%post`, as on EL6 and EL7.
pub(crate) fn keys(release: Release, keys: &[String]) -> (Vec<&str>, Vec<&str>) {
    let plain = |key: &&str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b" +/=@._-".contains(&b));
    keys.iter().map(String::as_str).partition(|key| release.major >= 8 && plain(key))
}

/// The accounts other than root.
pub(crate) fn users<'a>(site: &'a Site, node: &Node) -> Vec<UserValues<'a>> {
    let values = |user: &'a crate::site::User| UserValues {
        name: &user.name,
        groups: user.groups.join(","),
        password_hash: user.password_hash.as_deref(),
        ssh_key_commands: keys(node.release, &user.ssh_keys).0,
    };
    site.users.iter().map(values).collect()
}

/// The accounts with keys that `%post` writes, root first.
pub(crate) fn key_files<'a>(site: &'a Site, node: &Node) -> Vec<KeyFile<'a>> {
    let root = ("root", site.access.ssh_keys.as_slice());
    let others = site.users.iter().map(|user| (user.name.as_str(), user.ssh_keys.as_slice()));
    let files = std::iter::once(root).chain(others);
    files
        .map(|(name, lines)| KeyFile { name, ssh_keys: keys(node.release, lines).1 })
        .filter(|file| !file.ssh_keys.is_empty())
        .collect()
}

/// The packages, and the services together with those that every node has.
pub(crate) fn software(site: &Site, node: &Node) -> Software {
    let (is_el6, is_debian) = (node.release.is_el6(), node.release.is_debian());
    let (ssh, clock) = match (is_debian, is_el6) {
        (true, _) => ("ssh", "chrony"),
        (_, true) => ("sshd", "ntpd"),
        _ => ("sshd", "chronyd"),
    };
    // NetworkManager is enabled by default where it manages the network.
    let keeps_time = !site.network_of(node).ntp.is_empty();
    let needed = [("network", is_el6), ("systemd-networkd", is_debian), (ssh, true), (clock, keeps_time)];
    let services = needed.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name.to_string()).collect();
    let mut all = Software { services, ..Software::default() };
    all.add(&site.software_of(node));
    all
}
