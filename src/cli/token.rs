//! `rackstart token`.

use std::path::Path;

use super::client::{Daemon, ListArgs};
use super::output::{Output, json};
use super::table::{columns, duration};
use super::{Failure, print};
use crate::clock::unix_now;
use crate::server::api::role::Role;
use crate::server::api::tokens::{MadeToken, NewToken, TokenView};

/// Make, list and revoke the bearer tokens of the remote API.
///
/// Works only on the server itself, as root or as the daemon's own user: tokens are never made over the network. A
/// token is printed once and stored as a hash. Without a valid token the API refuses every request.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Create(Create),
    /// Show all tokens, without their secrets.
    List(ListArgs),
    Revoke(Revoke),
}

/// Make a token and print it, once.
#[derive(Debug, clap::Args)]
struct Create {
    /// The token's holder: a name for the audit log.
    name: String,
    /// What the token may do: metrics, viewer, operator or admin; each role includes the ones before it.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// How many days it is valid [default: until it is revoked].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

/// Revoke a token, at once.
#[derive(Debug, clap::Args)]
struct Revoke {
    /// The name of the token.
    name: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    match args.verb {
        Verb::Create(args) => args.output.of(|| create(config, args)),
        Verb::List(args) => args.show(config, "/api/v1/tokens", table),
        Verb::Revoke(args) => args.output.of(|| revoke(config, args)),
    }
}

/// Only the token goes to stdout, so that a script can capture it; messages for people go to stderr.
fn create(config: Option<&Path>, args: Create) -> Result<(), Failure> {
    let wish = NewToken { name: args.name, role: args.role, days: args.days };
    let made: MadeToken = args.daemon.client(config).post_with("/api/v1/tokens", &wish)?;
    if args.output.json {
        return print(&json(&made)?);
    }
    print(&format!("{}\n", made.token))?;
    let end = made.view.expires.map_or_else(|| "until it is revoked".into(), |at| format!("for {}", until(at)));
    eprint(&format!(
        "token `{}` ({}), valid {end}. Keep it now: it is not shown again.",
        made.view.name, made.view.role
    ));
    if !made.api_is_on {
        eprint(
            "The API does not listen yet: add `[api]` with `listen = \"127.0.0.1:8081\"` to the site file, and restart \
             the daemon.",
        );
    }
    Ok(())
}

fn table(tokens: &[TokenView]) -> String {
    let mut rows = vec![["NAME", "ROLE", "ID", "STANDING", "ENDS", "MADE"].map(String::from)];
    rows.extend(tokens.iter().map(|token| {
        let ends = match (token.standing.as_str(), token.expires) {
            ("valid", Some(at)) => format!("in {}", until(at)),
            ("valid", None) => "never".into(),
            _ => String::new(),
        };
        let made = format!("{} ago", duration(unix_now().saturating_sub(token.created)));
        let words = [&token.name, &token.role, &token.id, &token.standing].map(String::clone);
        let [name, role, id, standing] = words;
        [name, role, id, standing, ends, made]
    }));
    columns(&rows)
}

fn revoke(config: Option<&Path>, args: Revoke) -> Result<(), Failure> {
    let client = args.daemon.client(config);
    // The name becomes part of a path.
    if !args.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) || args.name.is_empty()
    {
        return Err(Failure::usage("no token has such a name").hint("`rackstart token list` shows them"));
    }
    let () = client.post(&format!("/api/v1/tokens/{}/revoke", args.name))?;
    // There is nothing to report except that it is done.
    args.output.tell((), |()| format!("token `{}` is revoked\n", args.name), |()| Ok(String::new()))
}

fn until(at: u64) -> String {
    duration(at.saturating_sub(unix_now()))
}

/// Errors are ignored because stderr may be closed.
fn eprint(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_who_has_what_and_until_when() {
        let view = |name: &str, standing: &str, expires| TokenView {
            id: "0a1b2c3d".into(),
            name: name.into(),
            role: "viewer".into(),
            standing: standing.into(),
            created: unix_now() - 7200,
            expires,
            revoked: None,
        };
        let text = table(&[
            view("alice", "valid", None),
            view("bob", "valid", Some(unix_now() + 10 * 86_400 + 60)),
            view("carol", "revoked", None),
        ]);
        assert_eq!(
            text,
            "NAME   ROLE    ID        STANDING  ENDS     MADE\n\
             alice  viewer  0a1b2c3d  valid     never    2 h ago\n\
             bob    viewer  0a1b2c3d  valid     in 10 d  2 h ago\n\
             carol  viewer  0a1b2c3d  revoked            2 h ago\n"
        );
    }
}
