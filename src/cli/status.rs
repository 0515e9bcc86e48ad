//! `rackstart status`.

use std::path::{Path, PathBuf};

use super::client::Client;
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
    /// The daemon's socket [default: `server.socket` of the site file].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

pub fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let report: StatusReport = Client::new(config, args.socket)?.get("/v1/status")?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(Failure::bug)?;
        return print(&format!("{text}\n"));
    }
    print(&table::nodes(&report))
}
