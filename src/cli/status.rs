//! `rackstart status`.

use super::client::StoreArgs;
use super::vault::Answers;
use super::{Failure, output, print, screen, table};
use crate::config::SitePaths;
use crate::server::operate::StatusReport;

/// How many lines of a failed step's log are shown; `--json` has all that the node sent.
const LAST_LINES: usize = 10;

/// Show every node: its state and since when, its step, and what it waits for or why it failed.
///
/// Asks the running daemon over its Unix socket; exits 3 when no daemon answers. With --state it shows what the store
/// of a stopped daemon holds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    show(&report(&Answers::watching(place, args.store))?, args.json)
}

/// Fetches the status of all nodes, from the daemon or from the store.
pub(crate) fn report(answers: &Answers<'_>) -> Result<StatusReport, Failure> {
    answers.ask(|client| client.get("/api/v1/status"), async |site, store, _| Ok(StatusReport::at_rest(site, store)))
}

fn show(report: &StatusReport, json: bool) -> Result<(), Failure> {
    if json {
        return print(&output::json(report)?);
    }
    let failed = report.nodes.iter().filter(|node| node.state == "failed");
    let ends: String = failed.filter_map(|node| Some(end_of_log(&node.name, node.detail.as_deref()?))).collect();
    print(&(table::nodes(report, screen::width(&std::io::stdout())) + &ends))
}

/// The last lines that a node sent with its failure; empty when the table already shows all of it.
fn end_of_log(name: &str, detail: &str) -> String {
    let lines: Vec<&str> = detail.lines().skip(1).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    if last.is_empty() {
        return String::new();
    }
    let quoted: String = last.iter().map(|line| format!("  | {line}\n")).collect();
    format!("\n{name}, the end of its log:\n{quoted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_shown_with_the_end_of_its_log() {
        assert_eq!(end_of_log("compute2", "disk sdb is not blank"), "");
        let log: String = (1..=20).map(|n| format!("\nline {n}")).collect();
        let text = end_of_log("compute2", &format!("`apply` of 02-a/01-b ended with status 1{log}"));
        assert!(text.starts_with("\ncompute2, the end of its log:\n  | line 11\n"), "{text}");
        assert!(text.ends_with("  | line 20\n"), "{text}");
    }
}
