//! `rackstart secrets`.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::client::{StoreArgs, runtime};
use super::output::{Output, json};
use super::vault::{Answers, console};
use super::{Failure, print};
use crate::config::{self, SitePaths};
use crate::percent::percent_encoded;
use crate::server::api::secrets::NewValue;
use crate::server::operate::secrets::{self, Revealed, Rotated, SecretStatus};
use crate::server::{self, Need};
use crate::words::suggest;

/// List the passwords of the cloud and the nodes that get them, show one in the clear, or make new ones.
///
/// The passwords are made once per site, when the daemon first starts. A node gets only those of its own role, with its
/// firstboot payload. While no daemon runs the verbs work on the store itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them, without their values.
    List {
        #[command(flatten)]
        key: Key,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one secret in the clear, or with --node all that a node may know, as its file `secrets`. The audit log
    /// records who asked.
    Show {
        /// The secret.
        #[arg(required_unless_present = "node", conflicts_with = "node")]
        name: Option<String>,
        /// All secrets of this node.
        #[arg(long)]
        node: Option<String>,
        /// Confirm that the value is to be shown in the clear.
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        key: Key,
    },
    /// Set a secret to your own value, read from standard input; a line break at its end is not part of it.
    Set {
        /// The secret.
        name: String,
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        output: Output,
    },
    /// Seal the secrets with another key. The daemon must be stopped, and `[secrets]` of the site file must already
    /// name the new key.
    ///
    /// Earlier backups stay sealed with the former key: keep that key as long as the backups.
    Rekey {
        /// The file with the former key.
        #[arg(long, value_name = "FILE", required_unless_present = "new_secrets", conflicts_with = "new_secrets")]
        old_key: Option<PathBuf>,
        /// The former key is lost: forget all secrets and make new ones, which no installed node knows.
        #[arg(long)]
        new_secrets: bool,
        /// The file with the new key, where `[secrets]` names a systemd credential.
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
    /// Make a new value, and say which nodes have to run which steps again.
    Rotate {
        /// The secret.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// All secrets.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        output: Output,
    },
}

/// The key file, for a key that only the daemon's service unit receives.
#[derive(Debug, clap::Args)]
struct Key {
    /// The file with the key, where `[secrets]` names a systemd credential and no daemon runs.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(crate) fn run(place: SitePaths<'_>, Args { what, store }: Args) -> Result<(), Failure> {
    let answers = |key: Key| Answers::opening(place, store.clone(), Need::Opened(key.key_file));
    match what {
        What::List { json, key } => list(
            answers(key)
                .ask(|client| client.get("/api/v1/secrets"), async |site, store, _| Ok(secrets::list(site, store)))?,
            json,
        ),
        What::Show { reveal: false, .. } => {
            Err(Failure::usage("this would show a secret in the clear").hint("add --reveal; the audit log records it"))
        }
        What::Show { name, node, key, .. } => {
            let Revealed { value, .. } = match (name, node) {
                (Some(name), _) => answers(key).ask(
                    |client| client.post(&format!("/api/v1/secrets/{}/reveal", percent_encoded(&name))),
                    async |site, store, person| secrets::reveal(site, store, person, name.clone()).await,
                )?,
                (None, node) => {
                    let node = node.unwrap_or_default();
                    answers(key).ask(
                        |client| client.post(&format!("/api/v1/nodes/{}/reveal-secrets", percent_encoded(&node))),
                        async |site, store, person| secrets::reveal_of_node(site, store, person, node.clone()).await,
                    )?
                }
            };
            print(&format!("{}\n", value.trim_end_matches('\n')))
        }
        What::Set { name, key, output } => output.of(|| {
            // Checked before anybody types a value for nothing.
            let known = answers(Key { key_file: key.key_file.clone() })
                .ask(|client| client.get("/api/v1/secrets"), async |site, store, _| Ok(secrets::list(site, store)))?;
            if !known.iter().any(|secret: &SecretStatus| secret.name == name) {
                return Err(no_such_secret(&name, &known));
            }
            let value = read_value()?;
            let body = || NewValue { value: value.to_string() };
            let rotated = answers(key).ask(
                |client| client.post_with(&format!("/api/v1/secrets/{}", percent_encoded(&name)), &body()),
                async |site, store, person| secrets::set(site, store, &person.actor, name.clone(), body().value).await,
            )?;
            output.tell(rotated, changed, |body| json(&body))
        }),
        What::Rekey { old_key, new_key, .. } => rekey(place, old_key.as_deref(), new_key.as_deref()),
        What::Rotate { name, key, output, .. } => output.of(|| {
            let one = |name: &String| format!("/api/v1/secrets/{}/rotate", percent_encoded(name));
            let path = name.as_ref().map_or_else(|| "/api/v1/rotate-secrets".to_string(), one);
            let rotated = answers(key).ask(
                |client| client.post(&path),
                async |site, store, person| secrets::rotate(site, store, &person.actor, name.clone()).await,
            )?;
            output.tell(rotated, changed, |body| json(&body))
        }),
    }
}

/// Seals all secrets with the new key. Without the former key they are lost, and new ones take their place.
fn rekey(place: SitePaths<'_>, former: Option<&Path>, new: Option<&Path>) -> Result<(), Failure> {
    let site = config::load(place)?.site;
    let actor = console();
    let Some(former) = former else {
        let rotated = runtime()?.block_on(server::renew_secrets(&site, new, &actor)).map_err(Failure::fixable)?;
        return print(&changed(&rotated));
    };
    let number = runtime()?.block_on(server::rekey(&site, former, new, &actor)).map_err(Failure::fixable)?;
    print(&format!(
        "{number} secrets are sealed with the new key; start the daemon, and keep a copy of the key elsewhere\n"
    ))
}

/// A mistyped name is not repeated in the message: it may be a value.
fn no_such_secret(name: &str, known: &[SecretStatus]) -> Failure {
    let is_name = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let name = if is_name { name } else { "of the name that was typed" };
    Failure::fixable(format!("there is no secret {name}")).hint(suggest(
        name,
        "secrets",
        known.iter().map(|secret| secret.name.as_str()),
    ))
}

/// Reads from standard input alone: anything on a command line is visible in the process list and the shell's history.
fn read_value() -> Result<Zeroizing<String>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("type the value, then Enter and Ctrl-D; the value is visible as you type");
    }
    let mut value = Zeroizing::new(String::new());
    let read = stdin.lock().take(4096).read_to_string(&mut value);
    read.map_err(|error| Failure::fixable(format!("cannot read the value from standard input: {error}")))?;
    if value.ends_with('\n') {
        value.pop();
    }
    Ok(value)
}

fn list(secrets: Vec<SecretStatus>, in_json: bool) -> Result<(), Failure> {
    if in_json {
        return print(&json(&secrets)?);
    }
    let width = secrets.iter().map(|secret| secret.name.len()).max().unwrap_or(0);
    let line = |secret: &SecretStatus| {
        let sealed = if secret.sealed { "sealed" } else { "open" };
        format!("{:width$}  {:9}  {sealed:6}  {}\n", secret.name, secret.origin, secret.nodes.join(" "))
    };
    print(&secrets.iter().map(line).collect::<String>())
}

fn changed(Rotated { names, again }: &Rotated) -> String {
    let mut text = format!("{} changed in the store: {}\n", names.len(), names.join(", "));
    if !again.is_empty() {
        text.push_str(
            "ready nodes take the new values by themselves, those that keep an account after those that use it:\n",
        );
    }
    for (node, steps) in again {
        text.push_str(&format!("  {node}\n"));
        for step in steps {
            text.push_str(&format!("    does again: {step}\n"));
        }
    }
    text.push_str("`rackstart status` shows who is updating; a stopped site and a node in maintenance wait\n");
    text.push_str("nodes that are installed from now on get the new values by themselves\n");
    text
}
