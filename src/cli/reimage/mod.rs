//! `rackstart reimage`.

mod drain;

use std::io::IsTerminal;
use std::path::Path;

use super::client::{Client, Daemon};
use super::output::{Output, json};
use super::question::type_to_go_on;
use super::{Failure, no_such_node, power, print};
use crate::lifecycle::blast::needs_count;
use crate::server::api::orders::Wipe;
use crate::server::api::outcome::ArmedView;
use crate::server::operate::{NodeStatus, Rehearsal, StatusReport};

/// Arm nodes again: their next network boot WIPES their disks and installs them anew.
///
/// Shows what will be lost and asks for confirmation: the node's name or, for several nodes, their number. Reboot the
/// nodes afterwards, or add --cycle; rackstart never does that by itself. At most `server.wipes_per_minute` nodes are armed within a
/// minute; the others are not changed, and the command says when to try again. `rackstart disarm` takes an arming back
/// as long as the installer has not redeemed its wipe permit, `rackstart stop` takes back all of them; the arming of a
/// node that does not boot in time (`server.arming_minutes`) expires.
///
/// A node whose system runs is drained first: it checks whether the cloud can do without it, and where the blueprint
/// has keepers, one of them takes its service out and brings it back when the node is back. That takes a minute or two;
/// nothing is armed unless the node agrees, or does not answer and was not ready. `--no-drain TEXT` skips the drain.
///
/// Protected and suspect nodes, nodes in maintenance, and this machine itself are refused. With --keep the volume
/// groups in the node's `keep` are preserved; that is refused unless they are the very ones that were recorded when the
/// node was installed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The exact names of the nodes.
    #[arg(value_name = "NODE", required_unless_present_any = ["all", "role"])]
    nodes: Vec<String>,
    /// All nodes of the site.
    #[arg(long, conflicts_with_all = ["nodes", "yes"])]
    all: bool,
    /// All nodes of this role; may be given more than once.
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["nodes", "yes", "all"])]
    role: Vec<String>,
    /// Keep the volume groups that the site file names in the node's `keep`, and everything in them.
    #[arg(long)]
    keep: bool,
    /// Say what would be lost, or why it would be refused, and change nothing.
    #[arg(long)]
    rehearse: bool,
    /// Do not ask for the name. Only with exact names.
    #[arg(long)]
    yes: bool,
    /// The exact number of nodes, instead of typing it. Needed for more than 5 nodes, or for several nodes that are
    /// more than a tenth of the site.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Override the refusal to wipe two copies of one volume at a time, or the only node of a role.
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why; it is kept in the node's history.
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
    /// Do not drain nodes whose system runs, and say why; the reason is kept in the node's history.
    #[arg(long, value_name = "TEXT")]
    no_drain: Option<String>,
    /// Restart the nodes by their BMCs afterwards, from the network.
    #[arg(long)]
    cycle: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let (client, output) = (args.daemon.clone().client(config), args.output);
    output.of(|| reimage(&client, args))
}

fn reimage(client: &Client, args: Args) -> Result<(), Failure> {
    let Args { nodes, all, role, keep, rehearse, yes, count, force: _, reason, no_drain, cycle, output, daemon: _ } =
        args;
    if output.json && !rehearse && !yes && count.is_none() {
        let usage = Failure::usage("this wipes disks, and JSON is for programs, which cannot be asked");
        return Err(usage.hint("name the nodes and add --yes if you mean it, or --rehearse to see what would be lost"));
    }
    // The site that the running daemon uses, which may differ from the file by now.
    let report: StatusReport = client.get("/api/v1/status")?;
    let chosen = choose(&report, &nodes, all, &role)?;
    let (number, of_all) = (chosen.len(), report.nodes.len());
    if let Some(count) = count.filter(|count| *count != number) {
        return Err(Failure::fixable(format!("this is about {number} nodes, not {count}: nothing was changed")));
    }
    let names: Vec<String> = chosen.iter().map(|node| node.name.clone()).collect();
    // Orders that the daemon would refuse are refused before anybody is asked.
    let count_of = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut body = Wipe { nodes: names, keep, count: Some(count_of(number)), force: reason, no_drain };
    let rehearsal: Rehearsal = client.post_with("/api/v1/reimage/rehearse", &body)?;
    if rehearse && output.json {
        return print(&json(&rehearsal)?);
    }
    output.meanwhile(&rehearsal.nodes.iter().map(|loss| loss.words(report.now)).collect::<String>())?;
    if rehearse {
        return print("this order would be accepted now; nothing was changed\n");
    }
    if cycle {
        // A node that cannot be restarted is found before anything is drained or armed.
        body.nodes.iter().try_for_each(|name| power::look(client, name).map(drop))?;
    }
    body.count = match (yes, count) {
        // The daemon decides whether there are so many that their number must be given.
        (true, count) => count.map(count_of),
        (false, Some(count)) => Some(count_of(count)),
        (false, None) => Some(count_of(confirm(&body.nodes, of_all)?)),
    };
    if body.no_drain.is_none() {
        drain::wait(client, &body, output)?;
    }
    let armed: ArmedView = client.post_with("/api/v1/reimage", &body)?;
    let restarted = || if cycle { power::boot_installers(client, &armed.armed, output) } else { Ok(()) };
    let told = tell(&armed, cycle, output);
    restarted().and(told)
}

/// The nodes that the command line selects, in the order of the site file unless they are named.
fn choose<'a>(
    report: &'a StatusReport,
    names: &[String],
    all: bool,
    roles: &[String],
) -> Result<Vec<&'a NodeStatus>, Failure> {
    if let Some(role) = roles.iter().find(|role| !report.nodes.iter().any(|node| node.role == **role)) {
        return Err(Failure::usage(format!("no node has the role `{role}`")));
    }
    if all || !roles.is_empty() {
        return Ok(report.nodes.iter().filter(|node| all || roles.contains(&node.role)).collect());
    }
    let mut chosen: Vec<&NodeStatus> = Vec::new();
    for name in names {
        let node = report.nodes.iter().find(|node| node.name == *name);
        let node = node.ok_or_else(|| no_such_node(name, report.nodes.iter().map(|node| node.name.as_str())))?;
        if !chosen.iter().any(|known| known.name == *name) {
            chosen.push(node);
        }
    }
    Ok(chosen)
}

/// Asks for the name of one node, or for the number of several. Returns the number.
fn confirm(names: &[String], of_all: usize) -> Result<usize, Failure> {
    let number = names.len();
    if !std::io::stdin().is_terminal() {
        let add = match needs_count(number, of_all) {
            true => format!("name the nodes and add --yes --count {number} if you mean it"),
            false => "name the nodes and add --yes if you mean it".into(),
        };
        return Err(Failure::usage("this wipes disks and there is no terminal to ask on").hint(add));
    }
    let (what, expected) = match names {
        [name] => ("the name of the node", name.clone()),
        _ => ("how many nodes that are", number.to_string()),
    };
    type_to_go_on(what, &expected).map(|()| number)
}

fn tell(armed: &ArmedView, cycle: bool, output: Output) -> Result<(), Failure> {
    if output.json {
        let is_whole = armed.later.is_empty();
        print(&json(armed)?)?;
        return if is_whole { Ok(()) } else { Err(Failure::fixable("")) };
    }
    for name in &armed.armed {
        let replaced = if armed.replaced.contains(name) { " again, which replaces its earlier arming" } else { "" };
        print(&format!("{name} is armed{replaced}{}\n", if cycle { "" } else { "; reboot it now" }))?;
    }
    if armed.later.is_empty() {
        return Ok(());
    }
    let left = armed.later.join(" ");
    Err(Failure::fixable(format!("not armed, because the limit of wipes per minute is reached: {left}"))
        .hint(format!("try again with these in {} s", armed.again_in)))
}
