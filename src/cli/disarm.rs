//! `rackstart disarm`.

use std::path::{Path, PathBuf};

use super::client::Client;
use super::{Failure, print};
use crate::server::admin::NodeStatus;

/// Take an arming back: the node boots its own disk again, and nothing is wiped.
///
/// Works as long as the node has not redeemed its wipe permit; after that, nothing can call the installer back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    /// The daemon's socket [default: `server.socket` of the site file].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let client = Client::new(config, args.socket)?;
    let node = client.node(&args.node)?;
    let status: NodeStatus = client.post(&format!("/v1/disarm/{}", node.name))?;
    let again = if status.state == "failed" { "; `rackstart install` arms it again" } else { "" };
    print(&format!("{} is disarmed: it is {}, nothing was wiped{again}\n", status.name, status.state))
}
