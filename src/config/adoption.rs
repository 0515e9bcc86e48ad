//! What a machine becomes that the operator takes into the site file: what was not said is taken from the nodes of its
//! role and from what the machine showed.

use std::net::Ipv4Addr;

use super::edit::{NewNode, text};
use crate::site::{DiskRule, Firmware, Mac, Node, Site};
use crate::words::{quote, suggest};

/// What the operator said, and what the machine showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adoption {
    /// The MAC of the card that it boots from.
    pub mac: Mac,
    /// Its name.
    pub name: String,
    /// Its role; none for the blueprint's own default.
    pub role: Option<String>,
    /// Its address; none for the next free one of its network.
    pub address: Option<Ipv4Addr>,
    /// Its disk rule as TOML; none for that of a node of its role.
    pub disk: Option<String>,
    /// The name of its card; none for that of a node of its role.
    pub card: Option<String>,
    /// The firmware that it showed.
    pub firmware: Option<Firmware>,
    /// The relay agent through which it asked.
    pub relay: Option<Ipv4Addr>,
}

/// What is missing, and one thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Missing {
    pub what: String,
    pub help: String,
}

fn missing<T>(what: String, help: impl Into<String>) -> Result<T, Missing> {
    Err(Missing { what, help: help.into() })
}

/// The node to write, or what the operator must say.
pub(crate) fn adopt(site: &Site, said: &Adoption) -> Result<NewNode, Missing> {
    if let Some((node, nic)) = site.nodes.by_card(said.mac) {
        let what = format!("{} is already in the site file: `{}` of {}", said.mac, nic.name, node.name);
        return missing(what, "edit that node");
    }
    if site.node_by_name(&said.name).is_some() {
        return missing(format!("the name {} is taken", quote(&said.name)), "choose another `--name`");
    }
    let role = said.role.as_ref().or(site.blueprint.default_role.as_ref());
    let Some(role) = role else {
        let roles: Vec<&str> = site.blueprint.roles.keys().map(String::as_str).collect();
        return missing(
            "the blueprint has no role of its own choice".into(),
            format!("`--role`: {}", roles.join(", ")),
        );
    };
    if !site.blueprint.roles.contains_key(role) {
        let help = suggest(role, "roles", site.blueprint.roles.keys().map(String::as_str));
        return missing(format!("there is no role {}", quote(role)), help);
    }
    let like: Vec<&Node> = site.nodes.iter().filter(|node| node.role == *role).collect();
    let disk = match (&said.disk, like.iter().rev().find(|node| node.disks.len() == 1)) {
        (Some(disk), _) => disk.clone(),
        (None, Some(node)) => as_toml(node.os_disk()),
        (None, None) => {
            let what = format!("no node of the role `{role}` has one disk whose rule could be used");
            return missing(what, "say which disk: `--disk '{ only = true, min_size = \"200 GB\" }'`");
        }
    };
    let card = said.card.clone().or_else(|| Some(like.last()?.lan_nic()?.name.clone()));
    let same = like.last().is_some_and(|node| Some(node.firmware) == said.firmware);
    Ok(NewNode {
        name: said.name.clone(),
        role: said.role.clone(),
        address: match said.address {
            Some(address) => address,
            None => free(site, said.relay)?,
        },
        // What the machine showed is written unless the nodes of its role have it without saying so.
        firmware: said.firmware.filter(|_| !same),
        disk,
        card: card.unwrap_or_else(|| "eth0".into()),
        mac: said.mac,
        place: None,
    })
}

/// The next address behind the nodes of the network that the machine asked from.
fn free(site: &Site, relay: Option<Ipv4Addr>) -> Result<Ipv4Addr, Missing> {
    let network = match relay {
        None => &site.network,
        Some(relay) => site.networks().find(|network| network.relays.contains(&relay)).unwrap_or(&site.network),
    };
    let taken = |address: Ipv4Addr| {
        site.nodes.by_address(address).is_some()
            || [site.server.address, network.router].contains(&address)
            || network.dns.contains(&address)
            || network.relays.contains(&address)
            || network.discovery.is_some_and(|(first, last)| (first..=last).contains(&address))
    };
    let here = site.nodes.iter().map(|node| node.address).filter(|address| network.subnet.contains(address));
    let last = here.max().unwrap_or(network.subnet.network());
    let behind = network.subnet.hosts().find(|address| *address > last && !taken(*address));
    let found = behind.or_else(|| network.subnet.hosts().find(|address| !taken(*address)));
    found.map_or_else(|| missing(format!("no address of {} is free", network.subnet), "make room in it"), Ok)
}

/// The rule without what belongs to one disk alone.
fn as_toml(rule: &DiskRule) -> String {
    let mut keys = Vec::new();
    let named = [("name", &rule.name), ("model", &rule.model)];
    keys.extend(named.iter().filter_map(|(key, value)| Some(format!("{key} = {}", text(value.as_deref()?)))));
    if let Some(bus) = &rule.bus {
        keys.push(format!("bus = {}", text(&bus.to_string())));
    }
    if rule.only || rule.name.is_none() {
        keys.push("only = true".into());
    }
    if rule.sector_size != 512 {
        keys.push(format!("sector_size = {}", rule.sector_size));
    }
    match (rule.min_bytes, rule.max_bytes) {
        (None, None) => keys.push(format!("sectors = {}", rule.sectors)),
        (min, max) => {
            keys.extend(min.map(|bytes| format!("min_size = {bytes}")));
            keys.extend(max.map(|bytes| format!("max_size = {bytes}")));
        }
    }
    format!("{{ {} }}", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::edit::with_node;
    use crate::config::{EXAMPLE, parse};
    use crate::site::testing::{behind_a_router, paper_site};

    fn said() -> Adoption {
        Adoption {
            mac: Mac([2, 0, 0, 0, 0, 9]),
            name: "compute5".into(),
            role: Some("compute".into()),
            address: None,
            disk: None,
            card: None,
            firmware: Some(Firmware::Bios),
            relay: None,
        }
    }

    #[test]
    fn what_is_not_said_is_as_on_the_nodes_of_its_role_and_the_file_still_checks() {
        let site = parse(EXAMPLE, "site.toml").unwrap();
        let node = adopt(&site, &said()).unwrap();
        assert_eq!((node.address, node.card.as_str()), (Ipv4Addr::new(192, 168, 0, 6), "eth1"));
        assert_eq!((node.disk.as_str(), node.firmware), ("{ name = \"sda\", sectors = 488397168 }", None));
        let edited = parse(&with_node(EXAMPLE, &node).unwrap(), "site.toml").unwrap();
        assert_eq!(edited.node_by_mac(said().mac).unwrap().name.as_str(), "compute5");
        assert_eq!(edited.nodes.last().unwrap().disks, site.node_by_name("compute4").unwrap().disks);
        let uefi = adopt(&site, &Adoption { firmware: Some(Firmware::Uefi), ..said() }).unwrap();
        assert_eq!(uefi.firmware, Some(Firmware::Uefi));
    }

    #[test]
    fn the_disk_of_one_machine_alone_is_not_the_disk_of_another() {
        let rule =
            DiskRule { serial: Some("WD-1".into()), min_bytes: Some(200_000_000_000), ..DiskRule::of(1000, 4096) };
        assert_eq!(as_toml(&rule), "{ only = true, sector_size = 4096, min_size = 200000000000 }");
    }

    #[test]
    fn a_machine_behind_a_router_gets_an_address_there() {
        let site = behind_a_router(paper_site(), "compute4");
        let there = Adoption { relay: Some([10, 0, 2, 1].into()), ..said() };
        assert_eq!(adopt(&site, &there).unwrap().address, Ipv4Addr::new(10, 0, 2, 5));
        assert_eq!(adopt(&site, &said()).unwrap().address, Ipv4Addr::new(192, 168, 0, 6));
    }

    #[test]
    fn what_cannot_be_guessed_is_asked_for() {
        let site = paper_site();
        let told = |said: Adoption| adopt(&site, &said).unwrap_err();
        let taken = told(Adoption { mac: "52:54:00:a8:02:00".parse().unwrap(), ..said() });
        assert!(taken.what.contains("`eth0` of compute2"), "{taken}");
        assert!(told(Adoption { name: "compute2".into(), ..said() }).what.contains("is taken"));
        assert!(told(Adoption { role: None, ..said() }).help.contains("compute, controller, gateway"));
        assert!(told(Adoption { role: Some("comptue".into()), ..said() }).help.contains("did you mean `compute`"));
        let mut site = site.clone();
        site.nodes = site.nodes.iter().filter(|node| node.role != "compute").cloned().collect::<Vec<_>>().into();
        assert!(adopt(&site, &said()).unwrap_err().help.contains("--disk"));
    }
}
