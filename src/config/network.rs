//! `[network]`, or one `[[network]]` for each provisioning network: as written, and as meant.

use std::net::Ipv4Addr;
use std::ops::Range;

use ipnet::Ipv4Net;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::reader::{Collector, Section};
use super::site_file::{ADDRESS_HELP, SiteFile};
use super::{fixed, text};
use crate::site::{DhcpMode, Network};

const KEYS: [&str; 8] =
    ["subnet", "router", "dns", "ntp", "lease_seconds", "router_advertisement", "relays", "discovery"];

/// One network, as written.
pub(super) struct NetworkKeys {
    /// Where it begins.
    pub at: Range<usize>,
    pub subnet: Option<Spanned<Ipv4Net>>,
    pub router: Option<Spanned<Ipv4Addr>>,
    /// None when the key is missing.
    pub dns: Option<Vec<Ipv4Addr>>,
    /// None when the key is missing.
    pub ntp: Option<Vec<String>>,
    pub lease_seconds: Option<Spanned<u64>>,
    pub router_advertisement: Option<bool>,
    pub relays: Vec<Spanned<Ipv4Addr>>,
    pub discovery: Option<Spanned<(Ipv4Addr, Ipv4Addr)>>,
}

impl NetworkKeys {
    /// Reads one `[network]`, or every `[[network]]`.
    pub(super) fn read_all(top: &Section<'_>) -> Vec<Self> {
        if !top.has("network") {
            let help = "`rackstart init --output -` shows a complete file";
            top.found.add(Problem::nowhere("there is no section `[network]`", help));
        }
        if top.is_list("network") {
            let tables = top.tables("network", "`[[network]]` with two brackets");
            if tables.is_empty() {
                top.found.add(Problem::nowhere("there is no `[[network]]`", "write one for each provisioning network"));
            }
            return tables.into_iter().map(|(at, table)| Self::read("`[[network]]`", at, table, top.found)).collect();
        }
        let table = top.table("network", "`[network]` on a line of its own");
        table.map(|(at, table)| Self::read("`[network]`", at, table, top.found)).into_iter().collect()
    }

    fn read<'a>(place: &str, at: Range<usize>, table: &'a DeTable<'a>, found: &'a Collector) -> Self {
        // With several networks, messages say which one they mean.
        let subnet = table.get("subnet").and_then(|subnet| match subnet.get_ref() {
            DeValue::String(text) if place.starts_with("`[[") => Some(format!("{place} {text}")),
            _ => None,
        });
        let place = subnet.unwrap_or_else(|| place.to_string());
        let section = Section::open(place, at.clone(), table, &KEYS, found);
        section.need("subnet", "subnet = \"192.168.0.0/24\"");
        section.need("router", "router = \"192.168.0.1\"");
        let dns = section.texts("dns");
        if dns.len() > 3 {
            let message = format!("{} names {} DNS resolvers, but a node can use 3", section.place, dns.len());
            section.found.report(dns[3].span(), message, "keep the three nearest ones");
        }
        let dns = dns.into_iter().filter_map(|text| section.parse_text(text, "an IPv4 address", ADDRESS_HELP));
        let dns: Vec<Ipv4Addr> = dns.map(Spanned::into_inner).collect();
        Self {
            at,
            subnet: text::subnet(&section),
            router: section.parse("router", "an IPv4 address", ADDRESS_HELP),
            dns: section.has("dns").then_some(dns),
            ntp: section.has("ntp").then(|| text::host_names(&section, "ntp")),
            lease_seconds: section.number("lease_seconds", 120..=31_536_000),
            router_advertisement: section.flag("router_advertisement"),
            relays: text::relays(&section),
            discovery: text::address_range(&section, "discovery"),
        }
    }

    /// The subnet, if it could be read.
    pub(super) fn net(&self) -> Option<Ipv4Net> {
        self.subnet.as_ref().map(|subnet| *subnet.get_ref())
    }

    /// The network that is meant. Resolvers, time servers and lease time that are not written are those of rackstart's
    /// `own` network.
    fn resolve(&self, own: &Self) -> Option<Network> {
        let lease = self.lease_seconds.as_ref().or(own.lease_seconds.as_ref());
        Some(Network {
            subnet: self.net()?,
            router: *self.router.as_ref()?.get_ref(),
            dns: self.dns.as_ref().or(own.dns.as_ref()).cloned().unwrap_or_default(),
            ntp: self.ntp.as_ref().or(own.ntp.as_ref()).cloned().unwrap_or_default(),
            lease_seconds: lease.map_or(Some(7200), |seconds| u32::try_from(*seconds.get_ref()).ok())?,
            router_advertisement: self.router_advertisement.unwrap_or(std::ptr::eq(self, own)),
            relays: self.relays.iter().map(|relay| *relay.get_ref()).collect(),
            discovery: self.discovery.as_ref().map(|range| *range.get_ref()),
        })
    }
}

/// Rackstart's own network, and those behind routers.
pub(super) fn resolve(file: &SiteFile<'_>) -> Option<(Network, Vec<Network>)> {
    let own = file.own_network()?;
    let others = file.networks.iter().filter(|network| !std::ptr::eq(*network, own));
    Some((own.resolve(own)?, others.map(|network| network.resolve(own)).collect::<Option<_>>()?))
}

/// Reports networks that share addresses, and networks behind a router that nothing could reach us from.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    let dhcp = file.server.as_ref().and_then(|server| server.dhcp.as_ref()).map(|word| *word.get_ref());
    for (index, network) in file.networks.iter().enumerate() {
        let (Some(subnet), Some(place)) = (network.net(), &network.subnet) else { continue };
        let mut earlier = file.networks[..index].iter().filter_map(|other| other.subnet.as_ref());
        if let Some(other) = earlier.find(|other| fixed::overlap(*other.get_ref(), subnet)) {
            let message = format!("the networks {} and {subnet} share addresses", other.get_ref());
            let problem = Problem::new(place.span(), message, "give each network addresses of its own");
            found.add(problem.also(other.span(), "the other one"));
        }
        if file.own_network().is_some_and(|own| std::ptr::eq(own, network)) {
            continue;
        }
        if network.relays.is_empty() && dhcp != Some(DhcpMode::Off) && !found.has_at(&network.at) {
            let message = format!("the network {subnet} is behind a router and names no relay agent");
            let help = "add `relays = [\"...\"]`: the address of its router or relay agent on that network; rackstart's \
                        own network is the one around `address` of `[server]`";
            found.report(place.span(), message, help);
        }
        if network.router_advertisement.is_some() {
            let message = format!("`router_advertisement` of the network {subnet} has no effect");
            found.report(network.at.clone(), message, "remove it: rackstart hears no router solicitation from there");
        }
    }
}
