//! `rackstart backup` and `rackstart restore`.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::client::{StoreArgs, runtime};
use super::output::{Output, json};
use super::vault::{self, Answers};
use super::{Failure, print, tell_notes};
use crate::audit::Order;
use crate::config::SitePaths;
use crate::lifecycle::Stopped;
use crate::server;
use crate::server::operate::records::{self, Sealed};
use crate::site::{Mac, Site};
use crate::store::{self, KEPT_DAYS, Passwords, Restored};

/// Copy the whole store into one file that only you may read, while the daemon keeps running.
///
/// Sealed secrets stay sealed, and are worthless without their key. Secrets that are stored open are left out unless
/// you ask for them.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Where to write the backup; an existing file is replaced.
    file: PathBuf,
    /// Include the secrets although they are not sealed.
    #[arg(long)]
    with_secrets: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    store: StoreArgs,
}

/// Replace the store with a backup. The daemon must be stopped.
///
/// A backup does not know what happened after it was made, so nothing in it may lead to a wiped disk: whatever was
/// armed is disarmed, what was being installed is shown as failed, and a wipe permit that was spent since stays spent.
/// What an operator has forbidden since stays forbidden, as far as the former store can be read, and installations are
/// stopped until you run `rackstart stop --lift`. The former store is moved aside and kept for at least 30 days. If the
/// backup holds no passwords, those of the former store are used.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup file.
    file: PathBuf,
    /// The state directory [default: `server.state` of the site file].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Continue although neither the backup nor a former store holds passwords: the daemon makes new ones.
    #[arg(long)]
    new_secrets: bool,
    #[command(flatten)]
    output: Output,
}

/// What `backup --json` prints.
#[derive(serde::Serialize)]
struct Written {
    file: PathBuf,
    bytes: usize,
    /// Whether the passwords are sealed, so that restoring the backup anywhere needs their key.
    sealed: bool,
    /// Whether the backup holds the passwords, so that it can be restored on another machine.
    passwords: bool,
}

/// What `restore --json` prints.
#[derive(serde::Serialize)]
struct Told<'a> {
    epoch: u64,
    stopped: &'a Stopped,
    /// What could be read from the former store, in words.
    heard: String,
    /// Nodes that were forbidden in the former store but not in the backup.
    forbidden: Vec<Forbidden<'a>>,
    /// Names of tokens that were revoked in the former store but not in the backup.
    revoked: &'a [String],
    /// Nodes that are no longer armed or being installed.
    ended: &'a [Mac],
    /// Where the passwords of the restored store come from: `backup`, `former` or `new`.
    passwords: &'static str,
    /// Why the passwords cannot be opened, if so: the daemon does not start then.
    locked: Option<String>,
    /// Where the former store was moved.
    former: &'a Option<PathBuf>,
    /// Older former stores that were removed.
    removed: &'a [PathBuf],
}

#[derive(serde::Serialize)]
struct Forbidden<'a> {
    mac: Mac,
    node: Option<&'a str>,
    is: &'a str,
}

pub(crate) fn backup(place: SitePaths<'_>, args: BackupArgs) -> Result<(), Failure> {
    args.output.of(|| write(place, args))
}

fn write(place: SitePaths<'_>, args: BackupArgs) -> Result<(), Failure> {
    let with_secrets = args.with_secrets;
    let (bytes, Sealed { sealed }) = Answers::new(place, args.store).ask(
        |client| {
            let bytes = client.bytes(&format!("/api/v1/backup?with_secrets={with_secrets}"))?;
            Ok((bytes, client.get("/api/v1/sealed")?))
        },
        async |_, store, person| {
            Ok((records::backup(store, person, with_secrets).await?, records::sealed(store).await?))
        },
    )?;
    let name = args.file.display();
    let written = store::write_private(&args.file, &bytes);
    written.map_err(|error| {
        Failure::fixable(format!("cannot write the backup {name}: {error}")).hint(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room there, or name a file on another disk; no piece of it was left"
            }
            _ => "name a file in a directory that you may write to",
        })
    })?;
    let written = Written { file: args.file.clone(), bytes: bytes.len(), sealed, passwords: sealed || with_secrets };
    let words = match (sealed, with_secrets) {
        (true, _) => {
            "with the passwords, sealed; restoring it elsewhere needs their key: keep a copy of that key somewhere else"
        }
        (false, true) => "with the passwords, open; it can be restored on any machine: keep it as safe as the store",
        (false, false) => {
            "WITHOUT the passwords, which are not sealed; it can be restored beside this store alone, and not on another machine \
             (`--with-secrets` takes them along)"
        }
    };
    let told = |written: &Written| format!("wrote {name}: {} bytes, readable by you alone, {words}\n", written.bytes);
    args.output.tell(written, told, |written| json(&written))
}

pub(crate) fn restore(place: SitePaths<'_>, args: RestoreArgs) -> Result<(), Failure> {
    args.output.of(|| put_back(place, args))
}

fn put_back(place: SitePaths<'_>, args: RestoreArgs) -> Result<(), Failure> {
    let site = vault::resting(place, args.state.as_deref())?.site;
    let order = Order::new(&vault::console(), "restore", args.file.display());
    let runtime = runtime()?;
    let restored = store::restore(&site.server.state, &args.file, order, args.new_secrets);
    let restored = runtime.block_on(restored).map_err(|error| {
        let failure = Failure::fixable(&error);
        if error.is_for_others() { failure.hint(vault::AS_OTHERS) } else { failure }
    })?;
    let locked = match runtime.block_on(server::try_key(&site)) {
        Ok(()) => None,
        Err(error) if error.is_of_the_shell() => {
            tell_notes(&[format!("could not test whether the passwords open: {error}")]);
            None
        }
        Err(error) => Some(error.to_string()),
    };
    if args.output.json {
        print(&json(&body(&site, &restored, locked.clone()))?)?;
    } else {
        print(&(told(&site, &restored) + if locked.is_none() { NEXT } else { "" }))?;
    }
    match locked {
        None => Ok(()),
        // The program has read the JSON already.
        Some(_) if args.output.json => Err(Failure::fixable("")),
        Some(why) => Err(Failure::fixable(format!(
            "the store is restored, BUT the passwords do not open, and the daemon will not start: {why}"
        ))
        .hint("name the right key, then start the daemon and go on with `rackstart status`")),
    }
}

/// What remains to be done after a successful restore.
const NEXT: &str =
    "next: start the daemon, look at `rackstart status`, protect what must stay, and lift the stop last\n";

fn body<'a>(site: &'a Site, restored: &'a Restored, locked: Option<String>) -> Told<'a> {
    let Restored { epoch, ended, forbidden, revoked, stopped, heard, former, removed, passwords } = restored;
    let forbid = |(mac, is): &'a (Mac, String)| {
        let node = site.node_by_mac(*mac).map(|node| node.name.as_str());
        Forbidden { mac: *mac, node, is }
    };
    let passwords = match passwords {
        Passwords::Backup => "backup",
        Passwords::Former => "former",
        Passwords::New => "new",
    };
    let (epoch, heard) = (*epoch, heard.words());
    let forbidden = forbidden.iter().map(forbid).collect();
    Told { epoch, stopped, heard, forbidden, revoked, ended, passwords, locked, former, removed }
}

/// Describes what a restore did.
fn told(site: &Site, restored: &Restored) -> String {
    let name = |mac: &Mac| match site.node_by_mac(*mac) {
        Some(node) => format!("{} ({mac})", node.name),
        None => mac.to_string(),
    };
    let mut text = format!(
        "restored; this is epoch {}\ninstallations are STOPPED, by {}: nothing is armed or wiped until `rackstart stop --lift`\n{}\n",
        restored.epoch,
        restored.stopped.who,
        restored.heard.words(),
    );
    for (mac, words) in &restored.forbidden {
        text.push_str(&format!("  {} is {words}, which the backup did not know\n", name(mac)));
    }
    for token in &restored.revoked {
        text.push_str(&format!("  the API token `{token}` is revoked, which the backup did not know\n"));
    }
    text.push_str(&match restored.ended.as_slice() {
        [] => "nothing in the backup was armed or being installed\n".to_string(),
        macs => {
            format!("no longer armed or installing: {}\n", macs.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    });
    text.push_str(&format!("{}\n", restored.passwords.words()));
    for path in &restored.removed {
        text.push_str(&format!("removed {}: it was kept for {KEPT_DAYS} days\n", path.display()));
    }
    if let Some(path) = &restored.former {
        text.push_str(&format!(
            "the former store is {0}; it holds passwords and hashes of tokens. When you are satisfied: rm {0}\n",
            path.display()
        ));
    }
    text
}
