//! `rackstart disarm`.

use std::path::Path;

use super::Failure;
use super::client::{Client, Daemon};
use super::output::{Output, json};
use crate::server::api::orders::Reason;
use crate::server::api::outcome::Standing;

/// Take an arming back: the node boots its own disk again, and nothing is wiped.
///
/// Works as long as the node has not redeemed its wipe permit; after that, the installer cannot be called back. A node
/// that is drained and not armed yet stays as it is, and its service comes back. With --give-up an installer or a
/// firstboot that is known to be dead is declared dead at once, instead of after its timeout.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of the node.
    node: String,
    /// Declare the node's running installer or firstboot dead, and say why. The node is then failed and can be armed
    /// again.
    #[arg(long, value_name = "REASON")]
    give_up: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, Args { node, give_up, output, daemon }: Args) -> Result<(), Failure> {
    output.of(|| disarm(&daemon.client(config), &node, give_up, output))
}

fn disarm(client: &Client, name: &str, give_up: Option<String>, output: Output) -> Result<(), Failure> {
    let node = client.node(name)?;
    let body = |standing: Standing| json(&standing);
    if let Some(reason) = give_up {
        let status: Standing = client.post_with(&format!("/api/v1/nodes/{}/give-up", node.name), &Reason { reason })?;
        let words = |status: &Standing| {
            format!("{} is {}: its installer or firstboot was given up\n", status.name, status.state)
        };
        return output.tell(status, words, body);
    }
    let status: Standing = client.post(&format!("/api/v1/nodes/{}/disarm", node.name))?;
    output.tell(status, disarmed, body)
}

fn disarmed(status: &Standing) -> String {
    let now = match status.state.as_str() {
        "new" => format!("it was never installed; `rackstart install {}` arms it again", status.name),
        "failed" => "it is failed, nothing was wiped; `rackstart install` or `reimage` arms it again".into(),
        state => format!("it is {state}, nothing was wiped"),
    };
    format!("{} is disarmed: {now}\n", status.name)
}
