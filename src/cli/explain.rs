//! `rackstart explain`.

use std::path::Path;

use super::client::{Client, Daemon};
use super::output::json;
use super::{Failure, no_such_machine, print, table, timeline};
use crate::server::api::explain::{Explanation, asker};
use crate::server::operate::StatusReport;
use crate::site::Mac;

/// Say what a machine would be answered now and why, and what it did lately.
///
/// Answers the question of anybody in front of a server that does not boot. It also works for MACs that are in no site
/// file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The MAC of the machine's boot NIC, or the name of a node.
    #[arg(value_name = "MAC|NODE")]
    machine: String,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let client = args.daemon.client(config);
    let mac = mac(&client, &args.machine)?;
    let explanation: Explanation = client.get(&format!("/api/v1/explain/{}", mac.hyphenated()))?;
    if args.json {
        return print(&json(&explanation)?);
    }
    print(&text(&explanation))
}

/// Finds the MAC that the command line names, directly or by the name of a node.
pub(crate) fn mac(client: &Client, machine: &str) -> Result<Mac, Failure> {
    if let Ok(mac) = machine.parse() {
        return Ok(mac);
    }
    let report: StatusReport = client.get("/api/v1/status")?;
    let missing = || no_such_machine(machine, report.nodes.iter().map(|node| node.name.as_str()));
    report.nodes.iter().find(|node| node.name == machine).map(|node| node.mac).ok_or_else(missing)
}

fn text(explanation: &Explanation) -> String {
    let Explanation { mac, node, state, flags, suspicion, machine, other_machine, stopped, answers, timeline } =
        explanation;
    let mut text = match (node, state) {
        (Some(node), Some(state)) => format!("{mac} is {node}, state {state}\n"),
        (Some(node), None) => format!("{mac} is {node}\n"),
        _ => format!("{mac} is in no site file\n"),
    };
    for flag in flags {
        text.push_str(&format!("it is {flag}: {}\n", meaning(flag)));
    }
    if let Some(why) = suspicion {
        text.push_str(&format!("suspected: {why}; `rackstart clear-suspect` when that is settled\n"));
    }
    if let Some(machine) = machine {
        text.push_str(&format!("its machine: {machine}\n"));
    }
    if let Some(other) = other_machine {
        text.push_str(&format!(
            "another machine booted as it: {other}; `rackstart accept-hardware` if that is right\n"
        ));
    }
    if let Some(stopped) = stopped {
        text.push_str(&format!("{}\n", table::stopped(stopped, crate::clock::unix_now())));
    }
    text.push_str("\nif it asks now:\n");
    for (who, answer) in answers {
        text.push_str(&format!("  {:<34}{answer}\n", asker(who)));
    }
    text.push_str("\nthe end of its timeline (`rackstart timeline` shows all):\n");
    for moment in timeline {
        text.push_str(&format!("  {}", timeline::line(moment, false)));
    }
    if timeline.is_empty() {
        text.push_str("  nothing: is it cabled to the provisioning network, and network boot first in its firmware?\n");
    }
    text
}

fn meaning(flag: &str) -> &'static str {
    match flag {
        "protected" => "it is never armed",
        "maintenance" => "it is never armed, raises no alarm, and silence does not fail it",
        _ => "this command is older than its daemon and does not know this flag",
    }
}
