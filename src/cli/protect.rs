//! `rackstart protect`, `rackstart unprotect`, `rackstart maintenance`, `rackstart clear-suspect` and `rackstart
//! accept-hardware`: each is one order about one node, and prints the node's state afterwards.

use std::path::Path;

use serde::Serialize;

use super::Failure;
use super::client::{Client, Daemon};
use super::output::{Output, json};
use crate::server::api::orders::{Nothing, Switch};
use crate::server::api::outcome::Standing;

/// Arguments of the verbs that need a node's name and nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of the node.
    node: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

/// Arguments of `maintenance`.
#[derive(Debug, clap::Args)]
pub(crate) struct MaintenanceArgs {
    /// End the maintenance.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    node: Args,
}

pub(crate) fn protect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, "protect", &Nothing {}, "is protected: it is never armed")
}

pub(crate) fn unprotect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, "unprotect", &Nothing {}, "is no longer protected")
}

pub(crate) fn maintenance(config: Option<&Path>, args: MaintenanceArgs) -> Result<(), Failure> {
    if args.off {
        return order(config, args.node, "maintenance", &Switch { on: false }, "is no longer in maintenance");
    }
    let done = "is in maintenance: it is never armed, raises no alarm, and silence does not fail it";
    order(config, args.node, "maintenance", &Switch { on: true }, done)
}

pub(crate) fn clear_suspect(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    order(config, args, "clear-suspect", &Nothing {}, "is trusted again")
}

pub(crate) fn accept_hardware(config: Option<&Path>, Args { node, output, daemon }: Args) -> Result<(), Failure> {
    output.of(|| accept(&daemon.client(config), &node, output))
}

fn accept(client: &Client, node: &str, output: Output) -> Result<(), Failure> {
    let before = client.node(node)?;
    let machine = before.machine.as_deref().unwrap_or("nothing");
    let Some(other) = &before.other_machine else {
        let reason = format!("no other machine was seen as {}: it shows {machine}", before.name);
        return Err(Failure::fixable(reason).hint("boot it from the network once, then run this again"));
    };
    let after: Standing = client.post(&format!("/api/v1/nodes/{}/accept-hardware", before.name))?;
    let words = |after: &Standing| {
        let Standing { name, state, .. } = after;
        format!("{name} is the machine with {other} from now on, no longer {machine}; it is {state}\n")
    };
    output.tell(after, words, |after| json(&after))
}

fn order(
    config: Option<&Path>,
    Args { node, output, daemon }: Args,
    what: &str,
    body: &impl Serialize,
    done: &str,
) -> Result<(), Failure> {
    output.of(|| {
        let client = daemon.client(config);
        let before = client.node(&node)?;
        let after: Standing = client.post_with(&format!("/api/v1/nodes/{}/{what}", before.name), body)?;
        let state = if before.state == after.state { "it is" } else { "it is now" };
        let words = |after: &Standing| format!("{} {done}; {state} {}\n", after.name, after.state);
        output.tell(after, words, |after| json(&after))
    })
}
