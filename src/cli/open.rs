//! `rackstart open`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::client::Daemon;
use super::output::{Output, json};
use super::{Failure, print, tell_notes};
use crate::server::api::links::{MadeLink, NewLink};
use crate::server::api::role::Role;
use crate::store::write_private;
use crate::words::duration;

/// Open the pages in a browser: the rack, each node, the cloud and the site file.
///
/// Prints a link that signs in once, within five minutes, and opens it where this shell has a desktop. The pages are
/// served by the daemon at `listen` of `[api]`. Whoever follows the link has the role for twelve hours or until signing
/// out, and the audit log names the user who ran this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the person may do: viewer, operator or admin.
    #[arg(long, value_name = "ROLE", default_value = "operator")]
    role: Role,
    /// Print the link and start no browser.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    daemon: Daemon,
}

pub(crate) fn run(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    let output = args.output;
    output.of(|| open(config, args))
}

fn open(config: Option<&Path>, args: Args) -> Result<(), Failure> {
    if args.role < Role::Viewer {
        return Err(Failure::usage("the role metrics sees no page").hint("roles: viewer, operator, admin"));
    }
    let link: MadeLink = args.daemon.client(config).post_with("/api/v1/links", &NewLink { role: args.role })?;
    if args.output.json {
        return print(&json(&link)?);
    }
    print(&format!("{}\n", link.url))?;
    let mut notes = vec![format!("the link signs in once, as {}, within {}", args.role, duration(link.seconds))];
    if !link.hosts.is_empty() {
        notes.push(format!("the pages are also at {}", link.hosts.join(", ")));
    }
    tell_notes(&notes);
    if !args.print && std::io::stdout().is_terminal() && has_desktop() {
        match leads_to(&link.url) {
            Ok(page) => {
                let started = Command::new("xdg-open").arg(page).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
                if started.is_err() {
                    tell_notes(&["no browser was started, because xdg-open is missing".into()]);
                }
            }
            Err(why) => tell_notes(&[format!("no browser was started, because {why}")]),
        }
    }
    Ok(())
}

/// A page that nobody else can read and that leads to the link. Everybody on this machine can read the arguments of a
/// browser, and whoever reads the link first is signed in.
fn leads_to(url: &str) -> Result<PathBuf, String> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let own = own.ok_or("XDG_RUNTIME_DIR names no folder of yours")?;
    let page = Path::new(&own).join("rackstart-open.html");
    let text = format!("<!DOCTYPE html><title>rackstart</title><meta http-equiv=\"refresh\" content=\"0; url={url}\">");
    write_private(&page, text.as_bytes()).map_err(|error| format!("{}: {error}", page.display()))?;
    Ok(page)
}

fn has_desktop() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
