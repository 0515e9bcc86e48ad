//! `rackstart dhcp-config`.

use super::{Failure, print, tell_notes};
use crate::config::{self, SitePaths};
use crate::render::ForeignDhcp;
use crate::site::DhcpMode;

/// Print what another DHCP server needs, so that machines boot from rackstart.
///
/// For `dhcp = "off"` in `[server]`, all of it. For `dhcp = "proxy"`, the reservations: rackstart names the boot files,
/// and the other server must give each node the address that the site file has.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The other server.
    #[arg(value_name = "SERVER")]
    server: ForeignDhcp,
}

pub(crate) fn run(place: SitePaths<'_>, args: &Args) -> Result<(), Failure> {
    let loaded = config::load(place)?;
    if loaded.site.server.dhcp == DhcpMode::Authoritative {
        tell_notes(&["`dhcp` in `[server]` is `authoritative`: two servers would answer; set `off` or `proxy`".into()]);
    }
    let text = loaded.renderer.foreign_dhcp(args.server, &loaded.site);
    print(&text.map_err(|error| Failure::fixable(error.to_string()))?)
}
