//! `rackstart reimage`.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use super::client::Client;
use super::{Failure, print};
use crate::server::admin::NodeStatus;

/// Arm a node again: its next network boot WIPES its disk and installs it anew.
///
/// Shows what will be lost and asks for the node's name. Reboot the node afterwards; rackstart never does that by itself.
/// With --keep the volume groups in the node's `keep` stay as they are; that is refused unless they are the very ones that
/// were recorded when the node was installed. `rackstart disarm` takes it back as long as the node has not booted into it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    /// Keep the volume groups that the site file names in the node's `keep`, and everything in them.
    #[arg(long)]
    keep: bool,
    /// Do not ask for the name.
    #[arg(long)]
    yes: bool,
    /// The daemon's socket [default: `server.socket` of the site file].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let client = Client::new(config, args.socket)?;
    // What the running daemon goes by, not what the file says by now.
    let node = client.node(&args.node)?;
    let kept = match args.keep {
        true => format!(", but for {}", node.keep.join(", ")),
        false => String::new(),
    };
    print(&format!(
        "{} ({}, MAC {}, {}), now {}\n  the next network boot WIPES the disk with {}{kept}\n",
        node.name, node.role, node.mac, node.address, node.state, node.disk
    ))?;
    if !args.yes {
        confirm(&args.node)?;
    }
    let scope = if args.keep { "keep-volume-groups" } else { "destroy-data" };
    let status: NodeStatus = client.post(&format!("/v1/arm/{}/{scope}", node.name))?;
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
