//! Addresses that are assigned outside rackstart: on a card, a bond or a VLAN, never on the provisioning network.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use toml::Spanned;

use super::node::NodeKeys;
use super::problem::Problem;
use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use crate::site::{FixedAddress, NicNetwork};

/// `address` and `gateway` as written.
pub(super) struct FixedKeys {
    address: Option<Spanned<Ipv4Net>>,
    gateway: Option<Spanned<Ipv4Addr>>,
}

const HELP: &str = "write the address and the length of its prefix, such as \"203.0.113.6/28\"";

/// Reads both keys of a card, a bond or a VLAN.
pub(super) fn read(link: &Section<'_>) -> FixedKeys {
    FixedKeys {
        address: link.parse("address", "an IPv4 address with a prefix", HELP),
        gateway: link.parse("gateway", "an IPv4 address", "write four numbers from 0 to 255"),
    }
}

impl FixedKeys {
    /// The fixed address; none when no `address` is written.
    pub(super) fn value(&self) -> Option<FixedAddress> {
        let gateway = self.gateway.as_ref().map(|gateway| *gateway.get_ref());
        Some(FixedAddress { net: *self.address.as_ref()?.get_ref(), gateway })
    }
}

/// One link of a node and the addresses that are written for it.
struct Written<'a> {
    place: &'a str,
    network: Option<NicNetwork>,
    fixed: &'a FixedKeys,
    bond: Option<String>,
}

/// Reports addresses that cannot work on the link for which they are written.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    let lans: Vec<Ipv4Net> = file.networks.iter().filter_map(|network| network.net()).collect();
    let mut given: Vec<(&Spanned<Ipv4Net>, &str)> = Vec::new();
    for node in &file.nodes {
        let links = links(node);
        let mut nets: Vec<&Spanned<Ipv4Net>> = Vec::new();
        for link in &links {
            check_link(link, &lans, found);
            let Some(address) = link.fixed.address.as_ref() else { continue };
            let overlaps = |other: &&&Spanned<Ipv4Net>| overlap(*other.get_ref(), *address.get_ref());
            if let Some(first) = nets.iter().find(overlaps) {
                let message = format!("{}: two cards of {} are in one network", link.place, node.place);
                let problem = Problem::new(address.span(), message, "give each network to one card, bond or VLAN");
                found.add(problem.also(first.span(), "the first one"));
            }
            nets.push(address);
            // Networks that are neither the LAN nor the outside may be as many as there are cables, but no two links may have
            // the same address with the same prefix length.
            let same = |(other, _): &&(&Spanned<Ipv4Net>, &str)| other.get_ref() == address.get_ref();
            if let Some((first, owner)) = given.iter().find(same) {
                let message = format!("{owner} and {} share the address {}", node.place, address.get_ref().addr());
                let help = format!("give {} an address of its own", node.place);
                found.add(Problem::new(address.span(), message, help).also(first.span(), "first used here"));
            }
            given.push((address, &node.place));
        }
    }
}

/// Every fixed network of the site outside the LAN, and its owner.
pub(super) fn networks<'a>(file: &'a SiteFile<'_>) -> impl Iterator<Item = (Ipv4Net, &'a Spanned<Ipv4Net>, String)> {
    let of_node = |node: &'a NodeKeys<'_>| {
        let links = links(node).into_iter();
        links.filter_map(|link| {
            let address = link.fixed.address.as_ref()?;
            Some((address.get_ref().trunc(), address, link.place.to_string()))
        })
    };
    file.nodes.iter().flat_map(of_node)
}

fn links<'a>(node: &'a NodeKeys<'_>) -> Vec<Written<'a>> {
    let word = |network: &Option<Spanned<NicNetwork>>| network.as_ref().map(|word| *word.get_ref());
    let mut links = Vec::new();
    for nic in &node.nics {
        let in_bond = node.bonds.iter().find(|bond| nic.name.as_ref().is_some_and(|name| bond.has(name.get_ref())));
        let bond = in_bond.map(|bond| bond.place.clone());
        links.push(Written { place: &nic.place, network: word(&nic.network), fixed: &nic.fixed, bond });
    }
    for bond in &node.bonds {
        links.push(Written { place: &bond.place, network: word(&bond.network), fixed: &bond.fixed, bond: None });
    }
    for vlan in &node.vlans {
        links.push(Written { place: &vlan.place, network: word(&vlan.network), fixed: &vlan.fixed, bond: None });
    }
    links
}

fn check_link(link: &Written<'_>, lans: &[Ipv4Net], found: &Collector) {
    let place = link.place;
    let Some(address) = &link.fixed.address else {
        if let Some(gateway) = &link.fixed.gateway {
            found.report(gateway.span(), format!("{place} has a `gateway` and no `address`"), HELP);
        }
        return;
    };
    let net = *address.get_ref();
    let wrong = |message: String, help: &str| found.report(address.span(), message, help);
    if let Some(bond) = &link.bond {
        return wrong(format!("{place} has an address and is in a bond"), &format!("write it in {bond}"));
    }
    if link.network == Some(NicNetwork::Lan) {
        let help = "remove it: on the provisioning network a node has the `address` of the `[[node]]` itself";
        return wrong(format!("{place} is on the provisioning network and has another address"), help);
    }
    if !(1..=31).contains(&net.prefix_len()) {
        return wrong(format!("{place}: `{net}` has no network around it"), HELP);
    }
    let is_end = net.prefix_len() < 31 && [net.network(), net.broadcast()].contains(&net.addr());
    if is_end {
        return wrong(
            format!("{place}: {} is not a host of {}", net.addr(), net.trunc()),
            "choose a host of that network",
        );
    }
    if let Some(lan) = lans.iter().find(|lan| overlap(**lan, net)) {
        let help = "packets would find two ways: only `network = \"lan\"` is inside it";
        return wrong(format!("{place}: {} overlaps the provisioning network {lan}", net.trunc()), help);
    }
    check_gateway(link, net, address, found);
}

fn check_gateway(link: &Written<'_>, net: Ipv4Net, address: &Spanned<Ipv4Net>, found: &Collector) {
    let place = link.place;
    let is_public = link.network == Some(NicNetwork::Public);
    let Some(gateway) = &link.fixed.gateway else {
        if is_public {
            let message = format!("{place} is the way to the outside, by a fixed address without a `gateway`");
            found.report(address.span(), message, "add `gateway = \"...\"`, the router of that network");
        }
        return;
    };
    let router = *gateway.get_ref();
    if !is_public {
        let help = "remove it, or set `network = \"public\"` if this is the way to the outside";
        found.report(gateway.span(), format!("{place} has a gateway and is not the way to the outside"), help);
    } else if !net.contains(&router) || router == net.addr() {
        let message = format!("{place}: the gateway {router} must be another host of {}", net.trunc());
        found.report(gateway.span(), message, "write the router of that network");
    }
}

pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}
