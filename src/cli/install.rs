//! `rackstart install`.

use std::path::Path;

use super::client::{Client, Daemon};
use super::output::{Output, json};
use super::{Failure, no_such_node, power, print};
use crate::server::api::outcome::ArmedView;
use crate::server::operate::{NodeStatus, StatusReport};

/// Arm nodes for a blank disk: their next network boot installs them, unless their disk holds data.
///
/// Use this for nodes whose installer failed before anything was written (a wrong disk in the site file, a server that
/// was away), that were disarmed before they were ever installed, or that got a new disk. It never wipes data; for
/// that, and for a node that is installed, use `rackstart reimage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The names of the nodes.
    #[arg(value_name = "NODE", required_unless_present = "all")]
    nodes: Vec<String>,
    /// All nodes that are new, or failed before anything was ever written to their disks.
    #[arg(long, conflicts_with = "nodes")]
    all: bool,
    /// Restart them by their BMCs afterwards, from the network.
    #[arg(long)]
    cycle: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, Args { nodes, all, cycle, output, daemon }: Args) -> Result<(), Failure> {
    output.of(|| install(&daemon.client(config), &nodes, all, cycle, output))
}

fn install(client: &Client, nodes: &[String], all: bool, cycle: bool, output: Output) -> Result<(), Failure> {
    let report: StatusReport = client.get("/api/v1/status")?;
    let names = if all { untouched(&report.nodes) } else { known(&report.nodes, nodes)? };
    if names.is_empty() {
        output.meanwhile("no node is new, or failed before anything was written\n")?;
    }
    if cycle {
        // A node that cannot be restarted is found before any is armed.
        names.iter().try_for_each(|name| power::look(client, name).map(drop))?;
    }
    let mut all = ArmedView::default();
    for name in names {
        let armed: ArmedView = client.post(&format!("/api/v1/nodes/{name}/install"))?;
        let replaces = if armed.replaced.is_empty() { "" } else { " again, which replaces its earlier arming" };
        output.meanwhile(&format!(
            "{name} is armed{replaces}{}. Its disk is only touched if it is blank\n",
            if cycle { "" } else { "; reboot it now" }
        ))?;
        all = all.and(armed);
    }
    if output.json {
        print(&json(&all)?)?;
    }
    if cycle { power::boot_installers(client, &all.armed, output) } else { Ok(()) }
}

/// Resolves the names of nodes. A wrong name is reported before anything is armed.
fn known<'a>(nodes: &'a [NodeStatus], names: &[String]) -> Result<Vec<&'a str>, Failure> {
    let all = || nodes.iter().map(|node| node.name.as_str());
    names.iter().map(|name| all().find(|known| known == name).ok_or_else(|| no_such_node(name, all()))).collect()
}

/// The nodes that wait for their first installation and may be armed.
fn untouched(nodes: &[NodeStatus]) -> Vec<&str> {
    let waits = |node: &&NodeStatus| matches!(node.state.as_str(), "new" | "failed") && node.written.is_none();
    nodes.iter().filter(waits).filter(|node| node.flags.is_empty()).map(|node| node.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::operate::status;
    use crate::site::testing::paper_site;

    #[test]
    fn all_means_what_was_never_written_and_nobody_holds_back() {
        let site = paper_site();
        let mut nodes: Vec<NodeStatus> = site.nodes.iter().map(|node| status(&site, node, None)).collect();
        nodes[1].state = "ready".into();
        (nodes[2].state, nodes[2].written) = ("failed".into(), Some("sda".into()));
        nodes[3].state = "failed".into();
        nodes[4].flags = vec!["protected".into()];
        assert_eq!(untouched(&nodes), ["controller", "compute3"]);
    }

    #[test]
    fn a_wrong_name_among_several_arms_none() {
        let site = paper_site();
        let nodes: Vec<NodeStatus> = site.nodes.iter().map(|node| status(&site, node, None)).collect();
        assert_eq!(known(&nodes, &["compute1".into(), "controller".into()]).unwrap(), ["compute1", "controller"]);
        assert!(known(&nodes, &["compute1".into(), "compute22".into()]).is_err());
    }
}
