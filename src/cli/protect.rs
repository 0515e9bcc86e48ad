//! `rackstart protect`, `rackstart unprotect`, `rackstart maintenance` and `rackstart clear-suspect`: one order about one
//! node, and what it is afterwards.

use std::path::Path;

use super::client::Daemon;
use super::{Failure, print};
use crate::server::admin::NodeStatus;

/// Of the verbs that need a name and nothing else.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    #[command(flatten)]
    daemon: Daemon,
}

/// Of `maintenance`.
#[derive(Debug, clap::Args)]
pub struct MaintenanceArgs {
    /// End it.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    node: Args,
}

pub fn protect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, |name| format!("/v1/protected/{name}/on"), "is protected: it is never armed")
}

pub fn unprotect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, |name| format!("/v1/protected/{name}/off"), "is protected no longer")
}

pub fn maintenance(config: Option<&Path>, args: MaintenanceArgs) -> Result<(), Failure> {
    if args.off {
        return order(config, args.node, |name| format!("/v1/maintenance/{name}/off"), "is in maintenance no longer");
    }
    let done = "is in maintenance: it is never armed, rings no alarm, and no silence fails it";
    order(config, args.node, |name| format!("/v1/maintenance/{name}/on"), done)
}

pub fn clear_suspect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, |name| format!("/v1/clear-suspect/{name}"), "is trusted again")
}

fn order(config: Option<&Path>, args: Args, path: impl Fn(&str) -> String, done: &str) -> Result<(), Failure> {
    let client = args.daemon.client(config);
    let before = client.node(&args.node)?;
    let after: NodeStatus = client.post(&path(&before.name))?;
    let state = if before.state == after.state { "it is" } else { "it is now" };
    print(&format!("{} {done}; {state} {}\n", after.name, after.state))
}
