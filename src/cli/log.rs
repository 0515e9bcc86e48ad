//! `rackstart log`.

use std::time::Duration;

use super::client::StoreArgs;
use super::output::{Output, json};
use super::vault::Answers;
use super::{Failure, Kind, no_such_node, status};
use crate::config::SitePaths;
use crate::percent::percent_encoded;
use crate::server::api::logs::{self, LogPiece, LogQuery};

/// Show the installer's log of a node: the whole log of its newest attempt, or of an earlier one.
///
/// Installers send their log to rackstart by syslog; the ten newest logs of each node are kept. `timeline` shows the
/// warnings from it among everything else that happened. With --state it works while the daemon is stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name of the node.
    node: String,
    /// The public id of an attempt [default: the newest that has a log].
    #[arg(long, value_name = "ID")]
    attempt: Option<String>,
    /// List the attempts that have a log, the oldest first.
    #[arg(long, conflicts_with_all = ["attempt", "follow"])]
    list: bool,
    /// Keep printing as the log grows, until you interrupt it.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(place: SitePaths<'_>, args: Args) -> Result<(), Failure> {
    args.output.of(|| show(&Answers::watching(place, args.store.clone()), args))
}

fn show(answers: &Answers<'_>, args: Args) -> Result<(), Failure> {
    let (output, list) = (args.output, args.list);
    let (mut attempt, mut from, mut first) = (args.attempt, 0, true);
    loop {
        let of = attempt.as_ref().map(|id| format!("&attempt={}", percent_encoded(id))).unwrap_or_default();
        let piece: Result<LogPiece, Failure> = answers.ask(
            |client| client.get(&format!("/api/v1/nodes/{}/log?from={from}{of}", percent_encoded(&args.node))),
            async |site, _, _| logs::read(site, &args.node, LogQuery { attempt: attempt.clone(), from }).await,
        );
        match piece {
            Ok(piece) if list => {
                return output.tell(piece, |piece| piece.attempts.join("\n") + "\n", |piece| json(&piece.attempts));
            }
            Ok(piece) => {
                let is_all = piece.next == from;
                // With --follow there is something to print only once the log has grown.
                if first || !is_all {
                    output.tell(&piece, |piece| piece.text.clone(), line)?;
                }
                (attempt, from, first) = (Some(piece.attempt), piece.next, false);
                if !is_all {
                    continue;
                }
            }
            // While following, wait for a daemon that restarts; a daemon that was never there is an error.
            Err(failure) if failure.kind == Kind::Unreachable && args.follow && !first => {}
            Err(failure) => return Err(unknown(answers, &args.node).unwrap_or(failure)),
        }
        if !args.follow {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Reports a name that no node has. In a store that knows no nodes this cannot be told, so the missing log is reported
/// instead.
fn unknown(answers: &Answers<'_>, name: &str) -> Option<Failure> {
    let report = status::report(answers).ok()?;
    let names = || report.nodes.iter().map(|node| node.name.as_str());
    (names().next().is_some() && !names().any(|known| known == name)).then(|| no_such_node(name, names()))
}

/// Formats a piece as one line of JSON: others may follow.
fn line(piece: &LogPiece) -> Result<String, Failure> {
    Ok(serde_json::to_string(piece).map_err(Failure::bug)? + "\n")
}
