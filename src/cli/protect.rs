//! `rackstart protect`, `rackstart unprotect`, `rackstart maintenance`, `rackstart clear-suspect` and `rackstart
//! accept-hardware`: one order about one node, and what it is afterwards.

use std::path::Path;

use super::Failure;
use super::client::{Client, Daemon};
use super::output::{Output, json};
use crate::server::admin::NodeStatus;
use crate::server::api::outcome::Standing;

/// Of the verbs that need a name and nothing else.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the node.
    node: String,
    #[command(flatten)]
    output: Output,
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

pub fn accept_hardware(config: Option<&Path>, Args { node, output, daemon }: Args) -> Result<(), Failure> {
    output.of(|| accept(&daemon.client(config), &node, output))
}

fn accept(client: &Client, node: &str, output: Output) -> Result<(), Failure> {
    let before = client.node(node)?;
    let machine = before.machine.as_deref().unwrap_or("nothing");
    let Some(other) = &before.other_machine else {
        let reason = format!("no other machine was seen as {}: it shows {machine}", before.name);
        return Err(Failure::fixable(reason).hint("boot it from the network once, then run this again"));
    };
    let after: NodeStatus = client.post(&format!("/v1/accept-hardware/{}", before.name))?;
    let words = |after: &NodeStatus| {
        let NodeStatus { name, state, .. } = after;
        format!("{name} is the machine with {other} from now on, no longer {machine}; it is {state}\n")
    };
    output.tell(after, words, |after| json(&Standing::from(after)))
}

fn order(
    config: Option<&Path>,
    Args { node, output, daemon }: Args,
    path: impl Fn(&str) -> String,
    done: &str,
) -> Result<(), Failure> {
    output.of(|| {
        let client = daemon.client(config);
        let before = client.node(&node)?;
        let after: NodeStatus = client.post(&path(&before.name))?;
        let state = if before.state == after.state { "it is" } else { "it is now" };
        let words = |after: &NodeStatus| format!("{} {done}; {state} {}\n", after.name, after.state);
        output.tell(after, words, |after| json(&Standing::from(after)))
    })
}
