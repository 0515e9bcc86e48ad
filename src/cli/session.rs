//! `rackstart session`.

use std::path::Path;

use super::Failure;
use super::client::{Daemon, ListArgs};
use super::output::Output;
use super::table::{columns, duration};
use crate::clock::unix_now;
use crate::server::api::sessions::SessionView;

/// Show who is signed in to the pages, and end their sessions.
///
/// A session begins with a link of `rackstart open` or with a token, and ends after 12 hours, when the person signs
/// out, or when the token ends. A link works once, so whoever signed in with it is shown here.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show who is signed in, the newest last.
    List(ListArgs),
    End(End),
}

/// End sessions, at once: these people have to sign in again.
#[derive(Debug, clap::Args)]
struct End {
    /// The ids of the sessions, as `rackstart session list` shows them.
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// End all sessions.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::List(args) => args.show(config, "/api/v1/sessions", table),
        Verb::End(args) => args.output.of(|| end(config, args)),
    }
}

fn table(sessions: &[SessionView]) -> String {
    if sessions.is_empty() {
        return "nobody is signed in to the pages\n".into();
    }
    let mut rows = vec![["ID", "ROLE", "SINCE", "ENDS", "WHO"].map(String::from)];
    rows.extend(sessions.iter().map(|session| {
        let since = format!("{} ago", duration(unix_now().saturating_sub(session.since)));
        let ends = format!("in {}", duration(session.ends.saturating_sub(unix_now())));
        [session.id.clone(), session.role.clone(), since, ends, session.who.clone()]
    }));
    columns(&rows)
}

fn end(config: Option<&Path>, args: End) -> Result<(), Failure> {
    let client = args.daemon.client(config);
    let known: Vec<SessionView> = client.get("/api/v1/sessions")?;
    let ids = if args.all { known.iter().map(|session| session.id.clone()).collect() } else { args.ids };
    // All or nothing: a mistyped id ends nobody's session.
    let missing = ids.iter().find(|id| !known.iter().any(|session| session.id == **id));
    if let Some(id) = missing {
        let why = format!("there is no session `{}`", id.escape_debug());
        return Err(Failure::usage(why).hint("`rackstart session list` shows who is signed in"));
    }
    for id in &ids {
        let () = client.post(&format!("/api/v1/sessions/{id}/end"))?;
    }
    let told = match ids.len() {
        0 => "nobody was signed in to the pages\n".into(),
        1 => "1 session is ended\n".into(),
        count => format!("{count} sessions are ended\n"),
    };
    args.output.tell((), |()| told, |()| Ok(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_who_is_signed_in_and_for_how_long() {
        let view = |id: &str, who: &str| SessionView {
            id: id.into(),
            who: who.into(),
            role: "operator".into(),
            since: unix_now() - 7200,
            ends: unix_now() + 36_000 + 60,
        };
        let text = table(&[view("0a1b2c3d4e5f", "token alice"), view("f0f0f0f0f0f0", "root (uid 0)")]);
        assert_eq!(
            text,
            "ID            ROLE      SINCE    ENDS     WHO\n\
             0a1b2c3d4e5f  operator  2 h ago  in 10 h  token alice\n\
             f0f0f0f0f0f0  operator  2 h ago  in 10 h  root (uid 0)\n"
        );
    }
}
