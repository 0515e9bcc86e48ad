//! The names of the site: its nodes with the aliases of their roles, rackstart itself, and the reverse names of all
//! addresses of the provisioning network.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use hickory_proto::rr::{Name, RecordType};
use ipnet::{IpNet, Ipv4Net};

use crate::site::Site;

/// The name of rackstart's own address, unless a node has it.
const OWN_NAME: &str = "rackstart";

/// What the site knows about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has these addresses.
    Addresses(Vec<Ipv4Addr>),
    /// The address belongs to this name.
    Name(String),
    /// The name exists, but has no record of the type asked for.
    Nothing,
    /// The name does not exist, and no resolver need be asked.
    Unknown,
    /// The name is outside the site; a resolver may know it.
    Elsewhere,
}

/// Names and addresses, ready for lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    subnets: Vec<Ipv4Net>,
    addresses: HashMap<String, Vec<Ipv4Addr>>,
    names: HashMap<Ipv4Addr, String>,
    /// The domain of the site, in its labels.
    domain: Option<Name>,
}

impl Zone {
    /// Builds the names of a site.
    pub(crate) fn of(site: &Site) -> Self {
        let mut zone =
            Self { subnets: site.subnets().collect(), addresses: HashMap::new(), names: HashMap::new(), domain: None };
        zone.domain = site.domain.as_ref().and_then(|domain| Name::from_ascii(format!("{domain}.")).ok());
        for node in &site.nodes {
            zone.names.entry(node.address).or_insert_with(|| site.whole_name(node.name.as_str()));
            zone.addresses.entry(node.name.to_string()).or_default().push(node.address);
        }
        // The alias of a role has the addresses of all its nodes; a node of that name has precedence.
        let mut aliases: HashMap<&str, Vec<Ipv4Addr>> = HashMap::new();
        for node in &site.nodes {
            for alias in site.blueprint.roles.get(&node.role).into_iter().flat_map(|role| &role.aliases) {
                aliases.entry(alias).or_default().push(node.address);
            }
        }
        for (alias, addresses) in aliases {
            zone.addresses.entry(alias.to_ascii_lowercase()).or_insert(addresses);
        }
        zone.addresses.entry(OWN_NAME.into()).or_insert_with(|| vec![site.server.address]);
        zone.names.entry(site.server.address).or_insert_with(|| site.whole_name(OWN_NAME));
        zone.addresses.insert("localhost".into(), vec![Ipv4Addr::LOCALHOST]);
        zone.names.insert(Ipv4Addr::LOCALHOST, "localhost".into());
        zone
    }

    /// Looks up a name of class IN.
    pub(crate) fn look_up(&self, name: &Name, kind: RecordType) -> Found {
        let wants = |wanted: RecordType| kind == wanted || kind == RecordType::ANY;
        if let Ok(IpNet::V4(network)) = name.parse_arpa_name() {
            if network.prefix_len() < 32 {
                // The leading part of a reverse name: if it covers addresses of ours, the name exists.
                return if self.subnets.iter().any(|subnet| subnet.contains(&network)) {
                    Found::Nothing
                } else {
                    Found::Elsewhere
                };
            }
            let address = network.addr();
            return match self.names.get(&address) {
                Some(name) if wants(RecordType::PTR) => Found::Name(name.clone()),
                Some(_) => Found::Nothing,
                None if self.subnets.iter().any(|subnet| subnet.contains(&address)) || address.is_loopback() => {
                    Found::Unknown
                }
                None => Found::Elsewhere,
            };
        }
        // The domain may have more names than those of the site, which a resolver outside knows; so what is not here is
        // asked there.
        if let Some(domain) = self.domain.as_ref().filter(|domain| domain.zone_of(name)) {
            let short = name.num_labels().checked_sub(domain.num_labels() + 1);
            let label = name.iter().next().filter(|_| short == Some(0));
            let label = label.map(|label| String::from_utf8_lossy(label).to_ascii_lowercase());
            let addresses = label.filter(|label| label != "localhost").and_then(|label| self.addresses.get(&label));
            return match addresses {
                Some(addresses) if wants(RecordType::A) => Found::Addresses(addresses.clone()),
                Some(_) => Found::Nothing,
                None => Found::Elsewhere,
            };
        }
        // A name without a dot belongs to this site or to nobody: the world has no addresses for top-level names.
        let mut labels = name.iter();
        let (Some(label), None) = (labels.next(), labels.next()) else { return Found::Elsewhere };
        match self.addresses.get(&String::from_utf8_lossy(label).to_ascii_lowercase()) {
            Some(addresses) if wants(RecordType::A) => Found::Addresses(addresses.clone()),
            Some(_) => Found::Nothing,
            // Other records of the top-level name, such as name servers or keys, do exist in the world.
            None if matches!(kind, RecordType::A | RecordType::AAAA | RecordType::ANY) => Found::Unknown,
            None => Found::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing;

    fn found(name: &str, kind: RecordType) -> Found {
        Zone::of(&testing::paper_site()).look_up(&Name::from_ascii(name).unwrap(), kind)
    }

    fn at(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 0, last)
    }

    #[test]
    fn nodes_aliases_and_rackstart_have_addresses_whatever_the_case() {
        for (name, last) in [("compute2.", 2), ("COMPUTE2.", 2), ("rackstart.", 254), ("gateway.", 1)] {
            assert_eq!(found(name, RecordType::A), Found::Addresses(vec![at(last)]), "{name}");
            assert_eq!(found(name, RecordType::AAAA), Found::Nothing, "{name}");
        }
        assert_eq!(found("localhost.", RecordType::A), Found::Addresses(vec![Ipv4Addr::LOCALHOST]));
    }

    #[test]
    fn with_a_domain_every_name_is_whole_too_and_reverse_names_are_whole_only() {
        let mut site = testing::paper_site();
        site.domain = Some("rack1.example".into());
        let found = |name: &str, kind| Zone::of(&site).look_up(&Name::from_ascii(name).unwrap(), kind);
        for name in ["compute2.rack1.example.", "COMPUTE2.Rack1.EXAMPLE.", "compute2."] {
            assert_eq!(found(name, RecordType::A), Found::Addresses(vec![at(2)]), "{name}");
            assert_eq!(found(name, RecordType::AAAA), Found::Nothing, "{name}");
        }
        assert_eq!(found("gateway.rack1.example.", RecordType::A), Found::Addresses(vec![at(1)]));
        let whole = Found::Name("compute2.rack1.example".into());
        assert_eq!(found("2.0.168.192.in-addr.arpa.", RecordType::PTR), whole);
        let elsewhere = [
            "www.rack1.example.",
            "a.compute2.rack1.example.",
            "rack1.example.",
            "compute2.example.",
            "localhost.rack1.example.",
        ];
        for name in elsewhere {
            assert_eq!(found(name, RecordType::A), Found::Elsewhere, "{name}");
        }
    }

    #[test]
    fn a_name_without_a_dot_is_asked_of_nobody_else() {
        for kind in [RecordType::A, RecordType::AAAA, RecordType::ANY] {
            assert_eq!(found("compute99.", kind), Found::Unknown);
        }
        assert_eq!(found("org.", RecordType::NS), Found::Elsewhere);
        assert_eq!(found(".", RecordType::NS), Found::Elsewhere);
        assert_eq!(found("compute2.example.org.", RecordType::A), Found::Elsewhere);
    }

    #[test]
    fn every_address_of_the_network_has_a_name_or_none_and_others_are_asked_elsewhere() {
        let pointer = |name: &str| found(name, RecordType::PTR);
        assert_eq!(pointer("2.0.168.192.in-addr.arpa."), Found::Name("compute2".into()));
        assert_eq!(pointer("254.0.168.192.IN-ADDR.ARPA."), Found::Name("rackstart".into()));
        assert_eq!(pointer("77.0.168.192.in-addr.arpa."), Found::Unknown);
        assert_eq!(pointer("2.1.168.192.in-addr.arpa."), Found::Elsewhere);
        assert_eq!(pointer("0.168.192.in-addr.arpa."), Found::Nothing);
        assert_eq!(pointer("168.192.in-addr.arpa."), Found::Elsewhere);
        assert_eq!(pointer("1.0.0.127.in-addr.arpa."), Found::Name("localhost".into()));
        assert_eq!(pointer("9.9.9.127.in-addr.arpa."), Found::Unknown);
        assert_eq!(found("2.0.168.192.in-addr.arpa.", RecordType::A), Found::Nothing);
    }
}
