//! What another DHCP server needs so that machines boot from rackstart: for `dhcp = "off"`, and the reservations for
//! `dhcp = "proxy"`.

use serde::Serialize;

use super::{RenderError, Renderer};
use crate::site::Site;

/// A DHCP server that a snippet is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ForeignDhcp {
    /// dnsmasq.
    Dnsmasq,
    /// ISC dhcpd.
    Dhcpd,
    /// Kea.
    Kea,
    /// The DHCP server of Windows, as PowerShell.
    Windows,
}

impl ForeignDhcp {
    fn template(self) -> &'static str {
        match self {
            Self::Dnsmasq => "templates/dhcp/dnsmasq.txt.j2",
            Self::Dhcpd => "templates/dhcp/dhcpd.txt.j2",
            Self::Kea => "templates/dhcp/kea.txt.j2",
            Self::Windows => "templates/dhcp/windows.txt.j2",
        }
    }
}

#[derive(Serialize)]
struct Values<'a> {
    site: &'a str,
    server: String,
    url: String,
    network: String,
    /// The URL of the boot script, in which iPXE fills in what it knows.
    script: String,
    nodes: Vec<NodeValues<'a>>,
}

#[derive(Serialize)]
struct NodeValues<'a> {
    name: &'a str,
    mac: String,
    mac_hyphenated: String,
    address: String,
}

impl Renderer {
    /// The snippet for a server.
    pub(crate) fn foreign_dhcp(&self, server: ForeignDhcp, site: &Site) -> Result<String, RenderError> {
        let url = site.server.url();
        // The platform stands in for the architecture that iPXE says only by DHCP, which another server hears.
        let script = format!(
            "{url}/boot/${{netX/mac:hexhyp}}?uuid=${{uuid}}&serial=${{serial:uristring}}&platform=${{platform}}"
        );
        let nodes = site.nodes.iter().map(|node| NodeValues {
            name: node.name.as_str(),
            mac: node.mac.to_string(),
            mac_hyphenated: node.mac.hyphenated(),
            address: node.address.to_string(),
        });
        let values = Values {
            site: &site.name,
            server: site.server.address.to_string(),
            url,
            network: site.network.subnet.network().to_string(),
            script,
            nodes: nodes.collect(),
        };
        self.engine.render(server.template(), &values)
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn every_snippet_names_the_loaders_the_script_and_every_node() {
        let (site, renderer) = (paper_site(), Renderer::new().unwrap());
        for server in ForeignDhcp::value_variants() {
            let text = renderer.foreign_dhcp(*server, &site).unwrap();
            for wanted in [
                "snponly.efi",
                "undionly.kpxe",
                "http://192.168.0.254/firmware/ipxe.efi",
                "HTTPClient",
                "http://192.168.0.254/boot/${netX/mac:hexhyp}?uuid=${uuid}",
            ] {
                assert!(text.contains(wanted), "{server:?} lacks {wanted}:\n{text}");
            }
            for node in &site.nodes {
                let mac = if *server == ForeignDhcp::Windows { node.mac.hyphenated() } else { node.mac.to_string() };
                let line = text.lines().find(|line| line.contains(&mac)).unwrap();
                assert!(line.contains(&node.address.to_string()) && line.contains(node.name.as_str()), "{line}");
            }
        }
    }

    #[test]
    fn keas_snippet_is_json_within_its_braces() {
        let text = Renderer::new().unwrap().foreign_dhcp(ForeignDhcp::Kea, &paper_site()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("//")).collect();
        let value: serde_json::Value = serde_json::from_str(&format!("{{{}}}", lines.join("\n"))).unwrap();
        assert_eq!(value["reservations"].as_array().unwrap().len(), 5);
    }
}
