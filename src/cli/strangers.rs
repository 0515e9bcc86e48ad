//! `rackstart strangers`.

use std::path::Path;

use super::client::Daemon;
use super::output::json;
use super::{Failure, print, table};
use crate::server::api::strangers::Stranger;
use crate::words::duration;

/// List the machines that ask and are in no site file.
///
/// What each of them showed: its MAC, architecture and firmware, UUID, loader, and when it asked last. Its serial number
/// and its maker are known where `discovery` lends it an address, because only iPXE tells them. `rackstart adopt` writes
/// one of them into the site file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let strangers: Vec<Stranger> = args.daemon.client(config).get("/api/v1/strangers")?;
    if args.json {
        return print(&json(&strangers)?);
    }
    print(&text(&strangers, crate::clock::unix_now()))
}

fn text(strangers: &[Stranger], now: u64) -> String {
    if strangers.is_empty() {
        return "no machine asked that is in no site file, since the daemon started\n".into();
    }
    let mut rows = vec![["MAC", "ARCH", "FROM", "LOADER", "SEEN", "VENDOR", "SERIAL", "UUID"].map(String::from)];
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    rows.extend(strangers.iter().map(|stranger| {
        [
            stranger.mac.to_string(),
            or_dash(&stranger.arch),
            stranger.address.clone().unwrap_or_else(|| stranger.network.clone()),
            or_dash(&stranger.loader),
            format!("{} ago", duration(now.saturating_sub(stranger.last_seen))),
            or_dash(&stranger.vendor),
            or_dash(&stranger.serial),
            or_dash(&stranger.uuid),
        ]
    }));
    format!(
        "{}\n`rackstart adopt MAC --name NAME --role ROLE` writes one of them into the site file\n",
        table::columns(&rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_line_and_what_it_did_not_show_is_a_dash() {
        let stranger = Stranger {
            mac: "02:00:00:00:00:01".parse().unwrap(),
            arch: Some("efi-x64".into()),
            firmware: Some("uefi".into()),
            uuid: None,
            serial: None,
            vendor: None,
            client: None,
            loader: Some("snponly.efi".into()),
            relay: None,
            network: "192.168.0.0/24".into(),
            address: None,
            silence: None,
            requests: 3,
            first_seen: 10,
            last_seen: 40,
        };
        let told = text(&[stranger], 100);
        let line: Vec<&str> = told.lines().nth(1).unwrap().split_whitespace().collect();
        let wanted = ["02:00:00:00:00:01", "efi-x64", "192.168.0.0/24", "snponly.efi", "60", "s", "ago", "-", "-", "-"];
        assert_eq!(line, wanted, "{told}");
        assert!(text(&[], 1).starts_with("no machine asked"));
    }
}
