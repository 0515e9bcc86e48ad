//! `rackstart status`.

use std::path::Path;

use super::client::Daemon;
use super::{Failure, print, table};
use crate::server::admin::StatusReport;

/// Show every node: its state, since when, its step, and what it waits for or why it failed.
///
/// Asks the running daemon over its Unix socket; exits 3 when no daemon answers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let report: StatusReport = args.daemon.client(config).get("/v1/status")?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(Failure::bug)?;
        return print(&format!("{text}\n"));
    }
    print(&table::nodes(&report))
}
