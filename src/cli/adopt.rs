//! `rackstart adopt`: writes a machine that asked into the site file.

use std::net::Ipv4Addr;

use super::client::Daemon;
use super::output::{Output, json};
use super::site_text::SiteText;
use super::{Failure, Kind, print, tell_notes};
use crate::config::{self, Adoption, SitePaths};
use crate::server::api::strangers::{Adopted, Stranger};
use crate::site::{Firmware, Mac};

/// Write a machine into the site file, as a new node.
///
/// The block is added behind the last node; comments, order and everything else of the file stay as they are. What is
/// not said is taken from what the machine showed (`rackstart strangers`) and from the nodes of its role: its firmware,
/// the rule for its disk, the name of its card, the next free address of the network that it asks from. The new file is
/// checked as `rackstart check` does before it takes the place of the old one; when anything is wrong with it, nothing
/// changes. Nothing is loaded: look at `rackstart diff`, then `rackstart reload`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The MAC of the card that the machine boots from.
    mac: Mac,
    /// The name of the node.
    #[arg(long)]
    name: String,
    /// Its role [default: that of the blueprint].
    #[arg(long)]
    role: Option<String>,
    /// Its address [default: the next free one of the network that it asks from].
    #[arg(long)]
    address: Option<Ipv4Addr>,
    /// The rule for its disk, as in the site file [default: that of the last node of its role, without serial number].
    #[arg(long, value_name = "RULE")]
    disk: Option<String>,
    /// The name of its card [default: that of the last node of its role].
    #[arg(long, value_name = "NAME")]
    card: Option<String>,
    /// Its firmware [default: what the machine showed].
    #[arg(long, value_name = "bios|uefi", value_parser = firmware)]
    firmware: Option<Firmware>,
    /// Print the block and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

fn firmware(word: &str) -> Result<Firmware, String> {
    let all = [Firmware::Bios, Firmware::Uefi];
    all.into_iter().find(|firmware| firmware.to_string() == word).ok_or_else(|| "write bios or uefi".into())
}

#[derive(serde::Serialize)]
struct Told<'a> {
    node: &'a str,
    address: Ipv4Addr,
    file: String,
    block: &'a str,
    written: bool,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let output = args.output;
    output.of(|| adopt(place, args))
}

fn adopt(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    let file = SiteText::open(place.file)?;
    let path = &file.path;
    let loaded = config::load_to_plan(SitePaths { file: Some(path), ..place })?;
    let client = args.daemon.clone().client(place.file);
    let (shown, is_running) = match client.get::<Vec<Stranger>>("/api/v1/strangers") {
        Ok(strangers) => (strangers.into_iter().find(|stranger| stranger.mac == args.mac), true),
        Err(failure) if failure.kind == Kind::Unreachable => (None, false),
        Err(failure) => return Err(failure),
    };
    let mut notes = Vec::new();
    if shown.is_none() {
        let why = if is_running { "it has not asked since the daemon started" } else { "no daemon runs" };
        notes.push(format!("nothing is known of {}, because {why}: is its firmware `--firmware uefi`?", args.mac));
    }
    let seen = shown.as_ref().and_then(|shown| firmware(shown.firmware.as_deref()?).ok());
    let adoption = Adoption {
        mac: args.mac,
        name: args.name.clone(),
        role: args.role.clone(),
        address: args.address,
        disk: args.disk.clone(),
        card: args.card.clone(),
        firmware: args.firmware.or(seen),
        relay: shown.as_ref().and_then(|shown| shown.relay),
    };
    let node =
        config::adopt(&loaded.site, &adoption).map_err(|missing| Failure::fixable(&missing).hint(&missing.help))?;
    let edited = config::with_node(&file.text, &node)
        .map_err(|why| Failure::fixable(why).hint(format!("write this block by hand:\n{}", node.block())))?;
    let proved = config::load_edited(path, &edited, place.templates)?;
    let role = proved.site.node_by_mac(args.mac).map(|node| node.role.clone()).unwrap_or_default();
    if !args.dry_run {
        file.replace(&edited)?;
        if is_running {
            let adopted = Adopted { mac: args.mac, name: node.name.clone(), role };
            if let Err(failure) = client.post_with::<()>("/api/v1/strangers/adopted", &adopted) {
                notes.push(format!("the audit log has no line of it: {failure}"));
            }
        }
    }
    tell_notes(&notes);
    let block = node.block();
    if args.output.json {
        let (address, file) = (node.address, path.display().to_string());
        return print(&json(&Told { node: &node.name, address, file, block: &block, written: !args.dry_run })?);
    }
    let next = match args.dry_run {
        true => String::new(),
        false => format!(
            "\nwritten to {}\nnext: look at its disk rule, `rackstart plan {}`, then `rackstart reload`\n",
            path.display(),
            node.name
        ),
    };
    print(&format!("{block}{next}"))
}
