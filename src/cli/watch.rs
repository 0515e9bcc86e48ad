//! `rackstart watch`.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use super::client::{Client, Daemon};
use super::output::Output;
use super::{Failure, Kind, print, table};
use crate::server::operate::{NodeStatus, StatusReport};

/// Follow every node until you interrupt it, or with --until-ready until all are ready.
///
/// On a terminal it redraws the table of `status` every second; otherwise it prints one line per change, fit for a log. With
/// --json a line is the node as `status --json` shows it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End with exit code 0 as soon as every node is ready, with 1 and the names as soon as one is failed or suspect.
    #[arg(long)]
    until_ready: bool,
    /// End with exit code 1 after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let (client, output) = (args.daemon.clone().client(config), args.output);
    output.of(|| watch(&client, &args))
}

fn watch(client: &Client, args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let mut shown: Vec<String> = Vec::new();
    loop {
        match client.get::<StatusReport>("/api/v1/status") {
            Ok(report) => {
                show(&report, args.output.json, &mut shown)?;
                if args.until_ready && report.nodes.iter().all(|node| node.state == "ready") {
                    return Ok(());
                }
                if let Some(failure) = failed(&report.nodes).filter(|_| args.until_ready) {
                    return Err(failure);
                }
            }
            // A daemon that restarts is waited for; one that was never there is an error.
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

/// That nodes need a person before they can become ready. One in maintenance has one.
fn failed(nodes: &[NodeStatus]) -> Option<Failure> {
    let needs = |node: &&NodeStatus| {
        matches!(node.state.as_str(), "failed" | "suspect") && !node.flags.iter().any(|flag| flag == "maintenance")
    };
    let words: Vec<String> = nodes
        .iter()
        .filter(needs)
        .map(|node| format!("{} is {}: {}", node.name, node.state, table::remark(node)))
        .collect();
    if words.is_empty() {
        return None;
    }
    Some(Failure::fixable(words.join("\n")).hint("`rackstart status` and `rackstart timeline` say more of each"))
}

fn show(report: &StatusReport, json: bool, shown: &mut Vec<String>) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() && !json {
        shown.resize(1, String::new());
        // Home, the table with every line cleared to its end, then clear what is left below.
        let lines: String = table::nodes(report).lines().map(|line| format!("{line}\x1b[K\n")).collect();
        return print(&format!("\x1b[H{lines}\x1b[J"));
    }
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
    format!("{} {} {step} {}", node.name, node.state, table::remark(node)).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::operate::status;
    use crate::site::testing::paper_site;

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
