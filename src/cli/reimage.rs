//! `rackstart reimage`.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use super::client::Client;
use super::{Failure, print};
use crate::server::admin::NodeStatus;

/// Arm a node again: its next network boot WIPES its disk and installs it anew.
///
/// Shows what will be lost and asks for the node's name. Reboot the node afterwards; rackstart never does that by itself.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    /// Do not ask for the name.
    #[arg(long)]
    yes: bool,
    /// The daemon's socket [default: `server.socket` of the site file].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let site = crate::config::load(config)?;
    let names = || site.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
    let Some(node) = site.node_by_name(&args.node) else {
        return Err(Failure::usage(format!("no node is called `{}`", args.node)).hint(format!("nodes: {}", names())));
    };
    let disk = node.disk.name.as_deref().or(node.disk.serial.as_deref()).unwrap_or("the one of its size");
    print(&format!(
        "{} ({}, MAC {}, {})\n  the next network boot WIPES disk {disk} ({} sectors of {} bytes)\n",
        node.name, node.role, node.mac, node.address, node.disk.sectors, node.disk.sector_size
    ))?;
    if !args.yes {
        confirm(&args.node)?;
    }
    let client = Client::new(config, args.socket)?;
    let status: NodeStatus = client.post(&format!("/v1/reimage/{}", args.node))?;
    print(&format!("{} is {}; reboot it now\n", status.name, status.state))
}

fn confirm(name: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("this wipes a disk and nobody is there to ask").hint("add --yes if you mean it"));
    }
    print("type the name of the node to go on: ")?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(Failure::fixable)?;
    if line.trim() == name { Ok(()) } else { Err(Failure::fixable("that is another name: nothing was changed")) }
}
