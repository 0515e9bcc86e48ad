//! `rackstart backup` and `rackstart restore`.

use std::path::PathBuf;

use hyper::Method;

use super::client::Daemon;
use super::{Failure, print, vault};
use crate::audit::{Actor, Order};
use crate::config::Place;
use crate::store;

/// Copy the whole store into one file that only you may read, while the daemon goes on working.
///
/// Secrets that are sealed stay sealed, and are worthless without their key. Secrets that lie open in the store are left
/// out unless you ask for them.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Where to write it; a file that is there is replaced.
    file: PathBuf,
    /// Take the secrets along although they are not sealed.
    #[arg(long)]
    with_secrets: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// Put a backup in the place of the store. The daemon must be stopped.
///
/// A backup knows nothing of what happened since it was made, so nothing in it that leads to a disk is believed: whatever
/// was armed is disarmed, what was being installed is shown as failed, and a wipe permit that was spent since stays spent.
/// The former store is moved aside. A backup that holds no passwords takes those of the former store.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// Go on although there are no passwords, neither in the backup nor in a former store: the daemon makes new ones.
    #[arg(long)]
    new_secrets: bool,
}

pub fn backup(place: Place<'_>, args: BackupArgs) -> Result<(), Failure> {
    let path = format!("/v1/backup?with_secrets={}", args.with_secrets);
    let bytes = vault::ask(place, args.daemon, Method::POST, &path, "")?;
    let name = args.file.display();
    let written = store::write_private(&args.file, &bytes);
    written.map_err(|error| {
        Failure::fixable(format!("cannot write the backup {name}: {error}")).hint("name a file in a directory of yours")
    })?;
    print(&format!("wrote {name}: {} bytes, for your eyes only\n", bytes.len()))
}

pub fn restore(place: Place<'_>, args: RestoreArgs) -> Result<(), Failure> {
    let directory = vault::state_directory(place)?;
    let order = Order::new(&Actor::console(rustix::process::getuid().as_raw()), "restore", args.file.display());
    let runtime = vault::runtime()?;
    let restored =
        runtime.block_on(store::restore(&directory, &args.file, order, args.new_secrets)).map_err(Failure::fixable)?;
    let former = restored.former.map(|path| format!("the former store is {}\n", path.display())).unwrap_or_default();
    let ended = match restored.ended.as_slice() {
        [] => "nothing in it was armed or being installed\n".to_string(),
        macs => format!("no longer armed or installing: {}\n", macs.join(", ")),
    };
    print(&format!(
        "restored; this is epoch {}\n{former}{ended}{}\nstart the daemon, then look at `rackstart status` before you arm anything\n",
        restored.epoch,
        restored.passwords.words(),
    ))
}
