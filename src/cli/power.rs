//! `rackstart power`, and the restart behind `--cycle` of other verbs.

use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;

use super::client::{Client, Daemon};
use super::output::{Output, json};
use super::question::type_to_go_on;
use super::{Failure, print};
use crate::power::{Action, Seen};
use crate::server::api::power::PowerOrder;
use crate::server::operate::NodeStatus;
use crate::server::operate::power::Switched;

/// Switch a node by its BMC, or ask whether it is on.
///
/// The BMC is the node's `power` in the site file; `rackstart secrets set BMC_PASSWORD` stores its password. Whatever
/// could stop the node asks for its name first, and is refused while the node is protected or in maintenance.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of the node.
    node: String,
    /// What to do.
    #[arg(value_enum)]
    what: What,
    /// With `off`: switch it off at once, without asking its system.
    #[arg(long)]
    force: bool,
    /// Do not ask for the name.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

/// What the verb does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Show whether it is on, and what its BMC offers.
    Status,
    /// Switch it on.
    On,
    /// Ask its system to shut down.
    Off,
    /// Restart it at once; switch it on if it is off.
    Cycle,
    /// Make its next boot, and only that, one from the network.
    Pxe,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let (client, output) = (args.daemon.clone().client(config), args.output);
    output.of(|| power(&client, args))
}

fn power(client: &Client, Args { node, what, force, yes, output, daemon: _ }: Args) -> Result<(), Failure> {
    if force && what != What::Off {
        return Err(Failure::usage("`--force` is for `off`: the other orders ask no system"));
    }
    let node = client.node(&node)?;
    let action = match what {
        What::Status => {
            return output.tell(look(client, &node.name)?, |seen| words(&node.name, seen), |seen| json(&seen));
        }
        What::On => Action::On,
        What::Off if force => Action::ForceOff,
        What::Off => Action::Off,
        What::Cycle => Action::Cycle,
        What::Pxe => Action::Pxe,
    };
    if action.stops() && !yes {
        confirm(&node, action, output)?;
    }
    let done = order(client, &node.name, action)?;
    output.tell(done, |done| format!("{}\n", done.text), |done| json(&done))
}

/// What the BMC of a node shows.
pub(crate) fn look(client: &Client, node: &str) -> Result<Seen, Failure> {
    client.get(&format!("/api/v1/nodes/{node}/power"))
}

/// Restarts nodes that were armed just now, so that their next boot is that of the installer. One that does not is told
/// at the end; the others are restarted all the same.
pub(crate) fn boot_installers(client: &Client, nodes: &[String], output: Output) -> Result<(), Failure> {
    let mut failed: Vec<(&str, Failure)> = Vec::new();
    for node in nodes {
        match order(client, node, Action::PxeCycle) {
            Ok(done) => output.meanwhile(&format!("{}\n", done.text))?,
            Err(failure) => failed.push((node, failure)),
        }
    }
    let Some((node, first)) = failed.first() else { return Ok(()) };
    let names = failed.iter().map(|(node, _)| *node).collect::<Vec<_>>().join(" ");
    let text = format!("armed, but not restarted: {names}; {}", first.error);
    let failure = first.hints.iter().fold(Failure::fixable(text), |failure, hint| failure.hint(hint.as_str()));
    Err(failure.hint(format!("restart them by hand, or take the arming back with `rackstart disarm {node}`")))
}

fn order(client: &Client, node: &str, action: Action) -> Result<Switched, Failure> {
    client.post_with(&format!("/api/v1/nodes/{node}/power"), &PowerOrder { action })
}

fn words(node: &str, seen: &Seen) -> String {
    let lines = seen.facts().into_iter().map(|(what, said)| format!("  {what}: {said}\n"));
    format!("{node} is {}\n{}", seen.power, lines.collect::<String>())
}

/// Asks for the name of the node.
fn confirm(node: &NodeStatus, action: Action, output: Output) -> Result<(), Failure> {
    if output.json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("this can stop a system that runs, and there is no terminal to ask on")
            .hint("add --yes if you mean it"));
    }
    print(&format!("{} is {}: {}\n", node.name, node.state, action.warning()))?;
    type_to_go_on("the name of the node", &node.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bmc_does_not_say_is_left_out() {
        let seen = Seen { power: "on".into(), boots_next: Some("Pxe, Once".into()), ..Seen::default() };
        assert_eq!(words("compute1", &seen), "compute1 is on\n  boots next from: Pxe, Once\n");
    }
}
