//! `rackstart reload`.

use std::io::Write;
use std::path::Path;

use super::client::{Client, Daemon};
use super::output::{Output, json};
use super::{Failure, print};
use crate::server::operate::reload::Reloaded;

/// Make the running daemon load the edited site file, without a restart.
///
/// The daemon loads the file it was started with, checks it as `check` does, and swaps the whole site between two
/// packets. When anything is wrong it keeps the site it has and prints every reason, and this command exits 1. A reload
/// is refused when it changes the entry of a node whose installer is running or that is armed to wipe its disks. New
/// nodes are armed for a blank disk; a node that leaves the file is disarmed if it was armed to wipe.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, Args { output, daemon }: Args) -> Result<(), Failure> {
    output.of(|| reload(&daemon.client(config), output))
}

fn reload(client: &Client, output: Output) -> Result<(), Failure> {
    let reloaded: Reloaded = client.post("/api/v1/reload")?;
    if output.json {
        print(&json(&reloaded)?)?;
        let is_refused = matches!(reloaded, Reloaded::Refused { .. });
        return if is_refused { Err(Failure::fixable("")) } else { Ok(()) };
    }
    match reloaded {
        Reloaded::Swapped { nodes, added, removed, differ } => print(&text(nodes, &added, &removed, &differ)),
        Reloaded::Refused { why } => {
            // Printed as `check` prints them. stderr may be closed; the exit code says the same.
            let _ = writeln!(std::io::stderr(), "{}", why.trim_end());
            Err(Failure::fixable("the reload was refused: the daemon keeps the site it has"))
        }
    }
}

fn text(nodes: usize, added: &[String], removed: &[String], differ: &[String]) -> String {
    let mut text = format!("reloaded: {nodes} nodes\n");
    for (what, names) in [("added", added), ("removed", removed)] {
        if !names.is_empty() {
            text.push_str(&format!("{what}: {}\n", names.join(", ")));
        }
    }
    for said in differ {
        text.push_str(&format!("{said}; its next installation will change that\n"));
    }
    text
}
