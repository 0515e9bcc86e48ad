//! `rackstart install`.

use std::path::{Path, PathBuf};

use super::client::Client;
use super::{Failure, print};
use crate::server::admin::NodeStatus;

/// Arm a node for a blank disk: its next network boot installs it, unless its disk holds data.
///
/// For a node that failed before anything was written (a wrong disk in the site file, a server that was away), or that
/// got a new disk. It never wipes data; for that there is `rackstart reimage`.
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
    let status: NodeStatus = client.post(&format!("/v1/arm/{}/blank-disk-only", node.name))?;
    print(&format!("{} is {}; reboot it now. Its disk is only touched if it is blank\n", status.name, status.state))
}
