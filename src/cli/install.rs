//! `rackstart install`.

use std::path::Path;

use super::client::Daemon;
use super::{Failure, print};
use crate::server::admin::Armed;

/// Arm a node for a blank disk: its next network boot installs it, unless its disk holds data.
///
/// For a node whose installer failed before anything was written (a wrong disk in the site file, a server that was away),
/// or that got a new disk then. It never wipes data; for that, and for a node that is installed, there is `rackstart reimage`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    #[command(flatten)]
    daemon: Daemon,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let client = args.daemon.client(config);
    let node = client.node(&args.node)?;
    let armed: Armed = client.post(&format!("/v1/install/{}", node.name))?;
    let replaces = if armed.replaced.is_empty() { "" } else { " again, which replaces its earlier arming" };
    let name = &node.name;
    print(&format!("{name} is armed{replaces}; reboot it now. Its disk is only touched if it is blank\n"))
}
