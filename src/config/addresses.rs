//! The rules for addresses: each in the subnet of its network, none used twice, and the discovery range on its own.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use toml::Spanned;

use super::network::NetworkKeys;
use super::node::NodeKeys;
use super::reader::Collector;
use super::site_file::{ServerKeys, SiteFile};

/// Reports every address that cannot work.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    super::network::check(file, found);
    let Some(own) = file.own_network() else { return };
    let server = file.server.as_ref().and_then(|server| server.address.as_ref());
    let outside = |network: &NetworkKeys, owner: &str, address: &Spanned<Ipv4Addr>| {
        let Some(subnet) = network.net() else { return true };
        let Some(problem) = unusable(subnet, *address.get_ref()) else { return false };
        let message = format!("the address {} of {owner} {problem}", address.get_ref());
        found.report(address.span(), message, usable_help(subnet));
        true
    };
    if let Some(address) = server {
        outside(own, "rackstart itself", address);
    }
    if let Some(server) = &file.server {
        check_forwarders(server, found);
    }
    let server = server.map(|address| *address.get_ref());
    for network in &file.networks {
        if let Some(address) = &network.router {
            outside(network, "the router", address);
        }
        if let Some(subnet) = network.net() {
            check_discovery(network, subnet, server, found);
        }
    }
    for node in &file.nodes {
        let Some(address) = &node.address else { continue };
        match file.network_around(*address.get_ref()) {
            None if file.networks.len() > 1 => {
                let message = format!("the address {} of {} is in no network", address.get_ref(), node.place);
                let nets = file.networks.iter().filter_map(|network| network.net()).map(|net| net.to_string());
                let help = format!("the networks of this file are {}", nets.collect::<Vec<_>>().join(", "));
                found.report(address.span(), message, help);
            }
            network => {
                let network = network.unwrap_or(own);
                if !outside(network, &node.place, address) {
                    check_node(node, *address.get_ref(), network, server, found);
                }
            }
        }
    }
}

fn check_node(
    node: &NodeKeys<'_>,
    address: Ipv4Addr,
    network: &NetworkKeys,
    server: Option<Ipv4Addr>,
    found: &Collector,
) {
    let Some(at) = node.address.as_ref().map(Spanned::span) else { return };
    let faces_outside = super::cards::face_outside(node);
    if server == Some(address) {
        let message = format!("{} has the address {address} of rackstart itself", node.place);
        found.report(at, message, "give the node another address, or change `address` in `[server]`");
    } else if network.router.as_ref().is_some_and(|router| *router.get_ref() == address) && !faces_outside {
        let message = format!("{} has the router's address {address} but no card to the outside", node.place);
        found.report(at, message, "set `network = \"public\"` on its outer card, or give the node another address");
    } else if let Some(range) = &network.discovery
        && (range.get_ref().0..=range.get_ref().1).contains(&address)
    {
        let message = format!("{} has the address {address}, which the discovery range lends to others", node.place);
        found.add(super::Problem::new(at, message, "move the node or the range").also(range.span(), "the range"));
    }
}

fn check_forwarders(server: &ServerKeys<'_>, found: &Collector) {
    let own = server.address.as_ref().map(|address| IpAddr::V4(*address.get_ref()));
    for forwarder in server.dns_forwarders.iter().flatten() {
        let address = forwarder.get_ref();
        if Some(*address) == own || address.is_unspecified() || address.is_multicast() {
            let message = format!("`dns_forwarders` names {address}, where rackstart would ask itself or nobody");
            found.report(forwarder.span(), message, "name a resolver of another machine, or none");
        }
    }
}

fn check_discovery(network: &NetworkKeys, subnet: Ipv4Net, server: Option<Ipv4Addr>, found: &Collector) {
    let Some(range) = &network.discovery else { return };
    let (first, last) = *range.get_ref();
    if let Some((end, problem)) = [first, last].iter().find_map(|end| Some((end, unusable(subnet, *end)?))) {
        let message = format!("the discovery range is not usable: {end} {problem}");
        found.report(range.span(), message, usable_help(subnet));
        return;
    }
    let router = network.router.as_ref().map(|router| *router.get_ref());
    let others = network.dns.iter().flatten().copied().filter(|dns| ![server, router].contains(&Some(*dns)));
    let owners = [("rackstart itself", server), ("the router", router)].into_iter();
    for (owner, address) in owners.chain(others.map(|dns| ("a DNS resolver", Some(dns)))) {
        if address.is_some_and(|address| (first..=last).contains(&address)) {
            let message = format!("the discovery range holds the address of {owner}");
            found.report(range.span(), message, "choose a range that holds no address of this file");
        }
    }
}

/// Why no host of the subnet can have the address; none when one can.
fn unusable(subnet: Ipv4Net, address: Ipv4Addr) -> Option<String> {
    if !subnet.contains(&address) {
        Some(format!("is outside the subnet {subnet}"))
    } else if address == subnet.network() {
        Some(format!("is the network address of {subnet}"))
    } else if address == subnet.broadcast() {
        Some(format!("is the broadcast address of {subnet}"))
    } else {
        None
    }
}

fn usable_help(subnet: Ipv4Net) -> String {
    let mut hosts = subnet.hosts();
    match (hosts.next(), hosts.next_back()) {
        (Some(first), Some(last)) => format!("hosts of {subnet} are {first} to {last}"),
        _ => "choose an address of the subnet".into(),
    }
}
