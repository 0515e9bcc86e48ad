//! The `[api]` section: where the remote API listens, if at all. It is never where the nodes are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use ipnet::Ipv4Net;
use toml::Spanned;

use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use super::text;
use crate::site::Api;

const LISTEN_HELP: &str = "write an address and a port, such as \"127.0.0.1:8081\"";
const NEVER_HELP: &str =
    "it is never on a provisioning interface: use \"127.0.0.1:8081\", or an address of another network of this machine";

/// The keys as written.
pub(super) struct ApiKeys {
    pub listen: Option<Spanned<SocketAddr>>,
    pub hosts: Vec<String>,
    pub plain_http: bool,
}

impl ApiKeys {
    pub(super) fn read(section: &Section<'_>) -> Self {
        section.need("listen", "listen = \"127.0.0.1:8081\"");
        Self {
            listen: section.parse("listen", "an address with a port", LISTEN_HELP),
            hosts: text::host_names(section, "hosts"),
            plain_http: section.flag("plain_http").unwrap_or(false),
        }
    }

    pub(super) fn resolve(&self) -> Option<Api> {
        Some(Api { listen: *self.listen.as_ref()?.get_ref(), hosts: self.hosts.clone() })
    }
}

/// Reports an address where nodes could reach the API, or where its tokens could be read in transit.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    let Some((keys, listen)) = file.api.as_ref().and_then(|keys| Some((keys, keys.listen.as_ref()?))) else { return };
    let (at, address): (Range<usize>, IpAddr) = (listen.span(), listen.get_ref().ip().to_canonical());
    let server = file.server.as_ref().and_then(|server| server.address.as_ref()).map(|address| *address.get_ref());
    let subnets: Vec<Ipv4Net> = file.networks.iter().filter_map(|network| network.net()).collect();
    if listen.get_ref().port() == 0 {
        found.report(at, "`[api]` listens on no port", LISTEN_HELP);
    } else if address.is_unspecified() {
        found.report(at, format!("`[api]` would listen on every interface ({address})"), NEVER_HELP);
    } else if is_provisioning(address, server, &subnets) {
        found.report(at, format!("`[api]` would listen where the nodes are: {address}"), NEVER_HELP);
    } else if !address.is_loopback() && !keys.plain_http {
        let message = format!("`[api]` would take tokens in clear text on {address}");
        let help = "listen on 127.0.0.1 behind a reverse proxy that speaks TLS, or say `plain_http = true` if nobody can \
                    listen in on that network";
        found.report(at, message, help);
    }
}

fn is_provisioning(address: IpAddr, server: Option<Ipv4Addr>, subnets: &[Ipv4Net]) -> bool {
    let IpAddr::V4(address) = address else { return false };
    server == Some(address) || subnets.iter().any(|subnet| subnet.contains(&address))
}
