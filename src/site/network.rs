//! The provisioning networks: the one that rackstart itself is on, and those behind routers.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Node, Site};

/// A provisioning network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The subnet of its reservations.
    pub subnet: Ipv4Net,
    /// Default route of its nodes: in the paper, the gateway node.
    pub router: Ipv4Addr,
    /// DNS resolvers handed to nodes.
    pub dns: Vec<Ipv4Addr>,
    /// Time servers of the nodes, by name or address; none means the distribution's own.
    pub ntp: Vec<String>,
    /// DHCP lease time in seconds.
    pub lease_seconds: u32,
    /// Whether router solicitations are answered with a lifetime-0 advertisement, which saves iPXE 13 s of waiting; not
    /// used behind a router, where rackstart hears none.
    pub router_advertisement: bool,
    /// The relay agents that may forward requests; others get no answer.
    pub relays: Vec<Ipv4Addr>,
    /// First and last address of the optional discovery range for unknown machines.
    pub discovery: Option<(Ipv4Addr, Ipv4Addr)>,
}

impl Network {
    /// Whether this is an address of one machine of the subnet.
    pub(crate) fn has_machine(&self, address: Ipv4Addr) -> bool {
        let is_end = address == self.subnet.broadcast() || address == self.subnet.network();
        self.subnet.contains(&address) && (self.subnet.prefix_len() >= 31 || !is_end)
    }
}

impl Site {
    /// All provisioning networks, rackstart's own first.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &Network> {
        std::iter::once(&self.network).chain(&self.routed)
    }

    /// The subnets of all provisioning networks, rackstart's own first.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = Ipv4Net> {
        self.networks().map(|network| network.subnet)
    }

    /// The network of an address; rackstart's own when no network has it.
    pub(crate) fn network_at(&self, address: Ipv4Addr) -> &Network {
        self.networks().find(|network| network.subnet.contains(&address)).unwrap_or(&self.network)
    }

    /// The network of a node.
    pub(crate) fn network_of(&self, node: &Node) -> &Network {
        self.network_at(node.address)
    }

    /// Whether this is the address of one machine of any provisioning network.
    pub(crate) fn has_machine(&self, address: Ipv4Addr) -> bool {
        self.networks().any(|network| network.has_machine(address))
    }

    /// Whether an address is behind a router, where this machine's kernel sees the card of the router only.
    pub(crate) fn is_routed(&self, address: Ipv4Addr) -> bool {
        !self.network.subnet.contains(&address) && self.routed.iter().any(|network| network.subnet.contains(&address))
    }

    /// The whole name of a node or an alias: with the domain, if there is one.
    pub(crate) fn whole_name(&self, name: &str) -> String {
        self.domain.as_ref().map_or_else(|| name.to_string(), |domain| format!("{name}.{domain}"))
    }

    /// Whether discovery lends this address to machines that are in no site file; never one that is assigned.
    pub(crate) fn lends(&self, address: Ipv4Addr) -> bool {
        let network = self.network_at(address);
        let in_range = network.discovery.is_some_and(|(first, last)| (first..=last).contains(&address));
        let taken = address == self.server.address || address == network.router || network.dns.contains(&address);
        in_range && !taken && self.nodes.by_address(address).is_none()
    }
}

#[cfg(test)]
mod tests {
    use crate::site::testing::{behind_a_router, paper_site};

    #[test]
    fn an_address_belongs_to_the_network_around_it_and_only_those_behind_a_router_are_routed() {
        let site = behind_a_router(paper_site(), "compute4");
        let subnet = |address: &str| site.network_at(address.parse().unwrap()).subnet.to_string();
        assert_eq!(subnet("192.168.0.7"), "192.168.0.0/24");
        assert_eq!(subnet("10.0.2.7"), "10.0.2.0/24");
        assert_eq!(subnet("172.16.0.7"), "192.168.0.0/24", "nobody's");
        for (address, routed, machine) in [
            ("192.168.0.7", false, true),
            ("10.0.2.7", true, true),
            ("10.0.2.255", true, false),
            ("192.168.0.0", false, false),
            ("172.16.0.7", false, false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!((site.is_routed(parsed), site.has_machine(parsed)), (routed, machine), "{address}");
        }
    }
}
