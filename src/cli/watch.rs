//! `rackstart watch`.

use std::path::Path;
use std::time::{Duration, Instant};

use super::client::{Client, Daemon};
use super::output::Output;
use super::{Failure, Kind, print, screen, table, tell_notes};
use crate::server::operate::{NodeStatus, StatusReport};

/// Follow every node until you interrupt it, or with --until-ready until all are ready.
///
/// On a terminal it redraws the table of `status` every second; otherwise it prints one line per change, suitable for a
/// log. With --json each line is the node as `status --json` shows it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit with code 0 as soon as every node is ready, or with 1 and the names as soon as one is failed or suspect.
    /// Nodes that nothing is about to install, because they are in maintenance or not armed, are named and not waited
    /// for.
    #[arg(long)]
    until_ready: bool,
    /// Exit with code 1 after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let (client, output) = (args.daemon.clone().client(config), args.output);
    output.of(|| watch(&client, &args))
}

fn watch(client: &Client, args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let (mut shown, mut told): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        match client.get::<StatusReport>("/api/v1/status") {
            Ok(report) => {
                let left_out = if args.until_ready { left_out(&report) } else { Vec::new() };
                show(&report, args.output.json, &mut shown, &mut told, &left_out)?;
                let is_left_out = |node: &NodeStatus| left_out.iter().any(|(name, _)| *name == node.name);
                let mut waited_for = report.nodes.iter().filter(|node| !is_left_out(node)).peekable();
                if args.until_ready && waited_for.peek().is_none() {
                    return Err(nobody(&left_out));
                }
                if args.until_ready && waited_for.all(|node| node.state == "ready") {
                    return Ok(());
                }
                if let Some(failure) = failed(&report.nodes).filter(|_| args.until_ready) {
                    return Err(failure);
                }
            }
            // Wait for a daemon that restarts; a daemon that was never there is an error.
            Err(failure) if failure.kind == Kind::Unreachable && !shown.is_empty() => {}
            Err(failure) => return Err(failure),
        }
        if args.timeout.is_some_and(|limit| started.elapsed() > Duration::from_secs(limit)) {
            return Err(
                Failure::fixable("not every node is ready yet").hint("`rackstart status` shows what each waits for")
            );
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Reports nodes that need a person before they can become ready. A node in maintenance already has one.
fn failed(nodes: &[NodeStatus]) -> Option<Failure> {
    let needs = |node: &&NodeStatus| {
        matches!(node.state.as_str(), "failed" | "suspect") && !node.flags.iter().any(|flag| flag == "maintenance")
    };
    let words: Vec<String> =
        nodes.iter().filter(needs).map(|node| format!("{} is {}: {}", node.name, node.state, node.remark())).collect();
    if words.is_empty() {
        return None;
    }
    Some(Failure::fixable(words.join("\n")).hint("`rackstart status` and `rackstart timeline` say more about each"))
}

/// The nodes that cannot become ready by themselves but need no repair, and why.
fn left_out(report: &StatusReport) -> Vec<(&str, &'static str)> {
    let why = |node: &NodeStatus| match node.state.as_str() {
        "ready" => None,
        _ if node.flags.iter().any(|flag| flag == "maintenance") => Some("in maintenance"),
        "new" if node.held => Some("new, and its arming was taken back"),
        "new" if node.flags.iter().any(|flag| flag == "protected") => Some("new and protected"),
        "new" if report.stopped.is_some() => Some("new, and installations are stopped"),
        "new" => Some("new and not armed"),
        _ => None,
    };
    report.nodes.iter().filter_map(|node| Some((node.name.as_str(), why(node)?))).collect()
}

/// Reports that no node can become ready. Exit code 0 would claim that all are.
fn nobody(left_out: &[(&str, &'static str)]) -> Failure {
    let words: Vec<String> = left_out.iter().map(|(name, why)| format!("{name} is {why}")).collect();
    let nobody = if words.is_empty() { "the site has no node".into() } else { words.join("\n") };
    Failure::fixable(format!("there is no node to wait for: {nobody}"))
        .hint("`rackstart install NODE` arms a new node; `rackstart maintenance NODE --off` ends a maintenance")
}

/// `shown` are the lines of the nodes printed so far, `told` the notes.
fn show(
    report: &StatusReport,
    json: bool,
    shown: &mut Vec<String>,
    told: &mut Vec<String>,
    left_out: &[(&str, &'static str)],
) -> Result<(), Failure> {
    let notes: Vec<String> =
        left_out.iter().map(|(name, why)| format!("not waiting for {name}: it is {why}")).collect();
    if screen::can_move(&std::io::stdout()) && !json {
        shown.resize(1, String::new());
        let notes: String = notes.iter().map(|note| format!("note: {note}\n")).collect();
        let table = table::nodes(report, screen::width(&std::io::stdout())) + &notes;
        // Move to the top left, print the table with each line cleared to its end, then clear what is left below.
        let lines: String = table.lines().map(|line| format!("{line}\x1b[K\n")).collect();
        return print(&format!("\x1b[H{lines}\x1b[J"));
    }
    let news: Vec<String> = notes.iter().filter(|note| !told.contains(note)).cloned().collect();
    tell_notes(&news);
    *told = notes;
    shown.resize(report.nodes.len(), String::new());
    for (node, last) in report.nodes.iter().zip(shown.iter_mut()) {
        let line = if json { serde_json::to_string(node).map_err(Failure::bug)? } else { line(node) };
        if line != *last {
            print(&format!("{line}\n"))?;
            *last = line;
        }
    }
    Ok(())
}

fn line(node: &NodeStatus) -> String {
    let step = node.step.as_ref().filter(|_| node.state != "ready");
    let step = step.map_or(node.stage.clone().unwrap_or_default(), |s| format!("{}/{} {}", s.number, s.total, s.name));
    format!("{} {} {step} {}", node.name, node.state, node.remark()).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::operate::status;
    use crate::site::testing::paper_site;

    #[test]
    fn who_does_not_become_ready_by_itself_is_named_and_not_waited_for() {
        let site = paper_site();
        let mut nodes: Vec<NodeStatus> = site.nodes.iter().map(|node| status(&site, node, None)).collect();
        nodes[0].state = "armed".into();
        (nodes[1].state, nodes[1].flags) = ("installing".into(), vec!["maintenance".into()]);
        nodes[2].held = true;
        nodes[3].flags = vec!["protected".into()];
        let (site, now) = (site.name.clone(), 10);
        let mut report =
            StatusReport { site, now, since: now, refused: None, nodes, stopped: None, alarms: Vec::new() };
        let why: Vec<_> = left_out(&report).into_iter().collect();
        assert_eq!(
            why,
            [
                ("compute1", "in maintenance"),
                ("compute2", "new, and its arming was taken back"),
                ("compute3", "new and protected"),
                ("compute4", "new and not armed"),
            ]
        );
        let text = nobody(&why).to_string();
        assert!(text.starts_with("error: there is no node to wait for: compute1 is in maintenance\n"), "{text}");
        report.nodes[1].state = "ready".into();
        assert_eq!(left_out(&report).len(), 3, "who is ready is");
    }

    #[test]
    fn waiting_ends_when_a_node_needs_a_person_and_not_before() {
        let site = paper_site();
        let mut nodes: Vec<NodeStatus> = site.nodes.iter().map(|node| status(&site, node, None)).collect();
        assert_eq!(failed(&nodes), None);
        (nodes[2].state, nodes[2].detail) = ("failed".into(), Some("no disk matches\nlog".into()));
        let text = failed(&nodes).unwrap().to_string();
        assert!(text.starts_with("error: compute2 is failed: no disk matches\nhelp: "), "{text}");
        nodes[2].flags = vec!["maintenance".into()];
        assert_eq!(failed(&nodes), None, "somebody works on it");
    }
}
