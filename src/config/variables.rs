//! `[variables]` of the site file: the values in which this site differs from its blueprint. Only variables of the
//! blueprint are allowed.

use std::collections::BTreeSet;
use std::ops::Range;

use ipnet::Ipv4Net;
use toml::de::DeTable;

use super::fixed::{self, overlap};
use super::problem::Problem;
use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use crate::site::{Blueprint, CopySets, Site};
use crate::words::quote;

/// The table as written, and where it is.
pub(super) type Written<'a> = Option<(Range<usize>, &'a DeTable<'a>)>;

/// Sets variables of the blueprint to the site's values, and reports names that no step reads.
pub(super) fn change(written: &Written<'_>, blueprint: &mut Blueprint, found: &Collector) {
    let Some((at, table)) = written else { return };
    let known: Vec<String> = blueprint.variables.keys().cloned().collect();
    let keys: Vec<&str> = known.iter().map(String::as_str).collect();
    let section = Section::open("`[variables]`".into(), at.clone(), table, &keys, found);
    for name in keys.into_iter().filter(|name| section.has(name)) {
        if let Some(value) = section.text(name) {
            blueprint.variables.insert(name.to_string(), value.into_inner().to_string());
        }
    }
}

/// Reports every variable that must be a network of its own, as the blueprint says, and is not.
pub(super) fn check_networks(file: &SiteFile<'_>, blueprint: &Blueprint, found: &Collector) {
    for name in &blueprint.networks {
        if let Some(value) = blueprint.variable(name) {
            check_network(file, name, value, found);
        }
    }
}

/// Reports a value that is not a network, or shares addresses with another network of the site: a service that lends
/// out its addresses would lend those of nodes.
fn check_network(file: &SiteFile<'_>, name: &str, value: &str, found: &Collector) {
    let written = file.variables.as_ref().and_then(|(_, table)| table.get(name)).map(toml::Spanned::span);
    let lan = file.own_network().and_then(|network| network.subnet.as_ref());
    let Some(at) = written.or(lan.map(toml::Spanned::span)) else { return };
    let Ok(machines) = value.parse::<Ipv4Net>() else {
        let message = format!("`{name}` {} is not a network", quote(value));
        return found.report(at, message, "write its address and prefix, such as 10.0.0.0/24");
    };
    if let Some((why, help)) = unfit(machines) {
        return found.report(at, format!("`{name}` {machines} {why}"), help);
    }
    let lans = file.networks.iter().filter_map(|network| network.net());
    let lans = lans.map(|subnet| (subnet, "the provisioning network".to_string(), None));
    let others =
        fixed::networks(file).map(|(net, at, place)| (net, format!("the network of {place},"), Some(at.span())));
    let resolvers = file.networks.iter().flat_map(|network| network.dns.iter().flatten());
    let resolvers = resolvers.map(|dns| (Ipv4Net::from(*dns), "the DNS resolver".to_string(), None));
    let taken: Vec<_> = lans.chain(others).chain(resolvers).collect();
    let Some((net, what, place)) = taken.iter().find(|(net, ..)| overlap(machines, *net)) else { return };
    let is_free = |text: &&&str| text.parse().is_ok_and(|free| taken.iter().all(|(net, ..)| !overlap(free, *net)));
    let free = CANDIDATES.iter().find(is_free).unwrap_or(&CANDIDATES[0]);
    let message = format!(
        "`{name}` {machines} and {what} {net} share addresses: machines would be lent addresses that others have"
    );
    let mut problem = Problem::new(at, message, format!("write `{name} = \"{free}\"` in `[variables]`"));
    if let Some(place) = place {
        problem = problem.also(place.clone(), "the other one");
    }
    found.add(problem);
}

/// Why no machines can have this network, and one thing to do.
fn unfit(net: Ipv4Net) -> Option<(&'static str, String)> {
    let first = net.network();
    if net != net.trunc() {
        Some(("is a host, not a network", format!("write \"{}\"", net.trunc())))
    } else if first.is_loopback() || first.is_multicast() || first.is_unspecified() || first.is_link_local() {
        Some((
            "is not a network that machines can be in",
            format!("write a private one, such as \"{}\"", CANDIDATES[0]),
        ))
    } else if net.prefix_len() > 29 {
        // Such a network needs its own address, the bridge, the broadcast address, and room for machines.
        Some(("has no room for machines", format!("use a prefix length up to 29, such as \"{first}/24\"")))
    } else {
        None
    }
}

/// Private networks to propose, at least one more than are usually in use.
const CANDIDATES: [&str; 4] = ["10.0.0.0/24", "172.16.0.0/24", "192.168.254.0/24", "172.30.254.0/24"];

/// Reports a last group of steps that does not exist: nobody would notice that the run ends elsewhere.
pub(super) fn check_last_group(written: &Written<'_>, groups: &BTreeSet<String>, found: &Collector) {
    let value = written.as_ref().and_then(|(_, table)| table.get("last_group"));
    let Some((value, group)) = value.and_then(|value| Some((value, value.get_ref().as_str()?))) else { return };
    if !groups.contains(group) {
        let known: Vec<&str> = groups.iter().map(String::as_str).collect();
        let message = format!("`[variables]`: there is no group of steps {} to be the last one", quote(group));
        found.report(value.span(), message, format!("write one of {}", known.join(", ")));
    }
}

/// Reports a number of copies that makes no set of these nodes, and two nodes for which nobody chose a number.
pub(super) fn check_copies(written: &Written<'_>, site: &Site, at: Range<usize>, found: &Collector) {
    let Some(rule) = &site.blueprint.copies else { return };
    let (name, noun) = (rule.number.as_str(), rule.of.as_str());
    let value = site.blueprint.variable(name).unwrap_or_default();
    let at = written.as_ref().and_then(|(_, table)| Some(table.get(name)?.span())).unwrap_or(at);
    if !value.is_empty() && !matches!(value.parse(), Ok(1..=64u32)) {
        let message = format!("`[variables]`: `{name}` is {}, which is not a number of copies", quote(value));
        return found.report(at, message, "write a number from 1 on, for example \"3\"");
    }
    let copies = CopySets::of(site);
    let number = copies.members().count() + copies.spare.len();
    if copies.named && copies.sets.is_empty() && number > 0 {
        let message = format!("`[variables]`: `{name} = \"{value}\"` needs that many {noun}s, and there are {number}");
        let help = format!("name at most as many copies as there are nodes with a {noun}, or leave it empty");
        found.report(at, message, help);
    } else if !copies.named && number == 2 {
        let message = format!("two {noun}s can be two copies of everything or none, and nobody said which");
        let help = format!(
            "write `{name} = \"2\"` under `[variables]` (two copies that differ have no majority: one of them is \
             lost), `{name} = \"1\"`, or add a third node with a {noun}"
        );
        found.report(at, message, help);
    }
}
