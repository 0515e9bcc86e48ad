//! Puts a backup in the place of the store, in a new epoch: whatever was armed when the backup was made is not armed any
//! more, so no permit that was spent since comes back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use super::anchor::{Anchor, Known};
use super::audit::{self, Ledger};
use super::backup::write_private;
use super::carry::{self, Passwords};
use super::change::{Change, Changed};
use super::database::Database;
use super::open::{self, OpenError};
use super::sqlite::Sqlite;
use crate::audit::Order;
use crate::clock::unix_now;
use crate::lifecycle::{Event, State};

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The epoch from now on.
    pub epoch: u64,
    /// The MACs of the nodes whose arming or installation ended with the restore.
    pub ended: Vec<String>,
    /// Where the former store lies, if there was one.
    pub former: Option<PathBuf>,
    /// Whose passwords the store has now.
    pub passwords: Passwords,
}

/// Restores `file` into the state directory. No daemon may use it. The former store is moved aside, never deleted. Passwords that
/// neither the backup nor the former store holds are an error, unless the operator wants `new_secrets`.
pub async fn restore(directory: &Path, file: &Path, order: Order, new_secrets: bool) -> Result<Restored, OpenError> {
    let _lock = open::prepare(directory)?;
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source: io::Error| OpenError::Directory { path, source }
    };
    let bytes = fs::read(file).map_err(fail(file))?;
    let new = directory.join("restore.new");
    for left in ["restore.new-wal", "restore.new-shm", "restore.new-journal"] {
        let _ = fs::remove_file(directory.join(left));
    }
    write_private(&new, &bytes).map_err(fail(&new))?;
    let anchor = Anchor::read(directory).map_err(fail(directory))?.map(|anchor| anchor.known());
    let damaged = |error: sqlx::Error| OpenError::Damaged { path: file.into(), why: error.to_string() };
    let options = SqliteConnectOptions::new()
        .filename(&new)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(damaged)?;
    open::check(&mut connection, file).await?;
    let records = open::read(&mut connection).await.map_err(damaged)?;
    let own = open::epoch(&mut connection).await.map_err(damaged)?.unwrap_or(open::FIRST_EPOCH);
    let epoch = own.max(anchor.as_ref().map_or(0, |known| known.epoch)) + 1;
    let head = audit::head(&mut connection).await.map_err(damaged)?;
    let passwords = passwords(&mut connection, directory, epoch).await.map_err(damaged)?;
    if passwords == Passwords::New && !new_secrets {
        return Err(OpenError::NoPasswords { path: file.into() });
    }
    let before = anchor.map_or_else(|| "nothing".into(), |known| format!("epoch {}, {}", known.epoch, known.audit));
    let order = order.detail(format!("epoch {epoch}; the anchor file knew {before}; {}", passwords.words()));
    let mut ledger = Ledger::new(head, Anchor::nowhere());
    let now = unix_now();
    let mut ended = Vec::new();
    let mut database = Sqlite::on(connection, directory);
    database.begin().await.map_err(damaged)?;
    for (mac, record) in &records {
        if let State::Suspect { previous, why } = &record.state
            && let Ok(ended_there) = previous.apply(&Event::Overdue { reason: REASON.into() })
        {
            // Behind the suspicion an installer was at work; clearing it must not bring that back.
            let previous = Box::new(ended_there);
            let state = State::Suspect { previous, why: why.clone() };
            let mut record = record.clone();
            record.state = state;
            database.put_node(*mac, &record, now).await.map_err(damaged)?;
            ended.push(mac.to_string());
            continue;
        }
        let event = match &record.state {
            State::Armed { .. } => Event::Disarmed,
            State::Installing { .. } => Event::Overdue { reason: REASON.into() },
            _ => continue,
        };
        let change = Change::Event { event, mark: None };
        let Ok(Changed { record, log }) = change.work_on(*mac, record, now) else { continue };
        database.put_node(*mac, &record, now).await.map_err(damaged)?;
        if let Some(line) = log {
            database.log(*mac, &record, line, now).await.map_err(damaged)?;
        }
        ended.push(mac.to_string());
    }
    database.put_epoch(epoch).await.map_err(damaged)?;
    ledger.append(&mut database, now, &order, "done").await.map_err(damaged)?;
    database.commit().await.map_err(damaged)?;
    database.close().await.map_err(damaged)?;
    let former = swap(directory, &new, epoch).map_err(fail(directory))?;
    // Between the two steps the database is of a later epoch than the anchor: no daemon starts, and restoring again mends it.
    Anchor::create(directory, Known { epoch, audit: ledger.head() }).map_err(fail(directory))?;
    ended.sort();
    Ok(Restored { epoch, ended, former, passwords })
}

/// Whose passwords the restored store has. A former store that cannot be read has none to give.
async fn passwords(connection: &mut SqliteConnection, directory: &Path, epoch: u64) -> Result<Passwords, sqlx::Error> {
    if carry::has_passwords(connection).await? {
        return Ok(Passwords::Backup);
    }
    // A restore that was interrupted has moved it aside already.
    let places = [directory.join(open::FILE), aside(directory, epoch)];
    if let Some(former) = places.iter().find(|path| path.exists())
        && carry::carry(connection, former).await.unwrap_or(false)
    {
        return Ok(Passwords::Former);
    }
    Ok(Passwords::New)
}

/// Where the store lies that epoch `epoch` replaced.
fn aside(directory: &Path, epoch: u64) -> PathBuf {
    directory.join(format!("{}.before-epoch-{epoch}", open::FILE))
}

const REASON: &str =
    "the store was restored from a backup while it was installing: what became of it since is not known";

/// Moves the former store aside with its log, and the new one in.
fn swap(directory: &Path, new: &Path, epoch: u64) -> io::Result<Option<PathBuf>> {
    let database = directory.join(open::FILE);
    let aside = aside(directory, epoch);
    let mut former = None;
    // The database first: without it no daemon starts, whatever else happens.
    for suffix in ["", "-wal", "-shm"] {
        let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        match fs::rename(with(&database), with(&aside)) {
            Ok(()) if suffix.is_empty() => former = Some(aside.clone()),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs::File::open(new)?.sync_all()?;
    fs::rename(new, &database)?;
    fs::File::open(directory)?.sync_all()?;
    Ok(former)
}
