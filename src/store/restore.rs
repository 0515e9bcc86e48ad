//! Puts a backup in the place of the store, in a new epoch. Whatever was armed when the backup was made is no longer
//! armed, so no permit that was spent since comes back; and what an operator forbade since stays forbidden.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use super::anchor::{Anchor, Known};
use super::aside;
use super::audit::{self, Ledger};
use super::carry::{self, Passwords};
use super::change::{Change, Changed, LogLine};
use super::database::Database;
use super::former::{self, Former};
use super::memory::Write;
use super::open::{self, OpenError};
use super::sqlite::Sqlite;
use super::{Memory, Record, private};
use crate::audit::Order;
use crate::clock::{Stamp, stamp};
use crate::lifecycle::{Event, State, Stopped};
use crate::site::Mac;

/// The result of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The epoch from now on.
    pub epoch: u64,
    /// The nodes whose arming or installation ended with the restore.
    pub ended: Vec<Mac>,
    /// What the backup allows and the former store forbade, by node and in prose: it is forbidden.
    pub forbidden: Vec<(Mac, String)>,
    /// The names of tokens that were revoked after the backup, and are revoked again.
    pub revoked: Vec<String>,
    /// The order that stops installations until an operator lifts it.
    pub stopped: Stopped,
    /// What could be learnt from the former store.
    pub heard: Former,
    /// The path to which the former store was moved, if there was one.
    pub former: Option<PathBuf>,
    /// Older former stores that were removed.
    pub removed: Vec<PathBuf>,
    /// Where the store's passwords come from.
    pub passwords: Passwords,
}

/// Restores `file` into the state directory, which no daemon may be using. The former store is moved aside. If neither
/// the backup nor the former store has passwords, that is an error unless the operator wants `new_secrets`.
pub(crate) async fn restore(
    directory: &Path,
    file: &Path,
    order: Order,
    new_secrets: bool,
) -> Result<Restored, OpenError> {
    let backup = open_backup(file)?;
    let made = private::Made::before(directory);
    let outcome = match open::prepare(directory) {
        Ok(_lock) => {
            let outcome = put_in_place(directory, file, backup, order, new_secrets).await;
            if outcome.is_err() {
                // The copy contains what the backup contains. If it cannot be removed now, the next start removes it.
                let _ = private::sweep(directory);
                made.unmake();
            }
            outcome
        }
        Err(error) => {
            made.unmake();
            Err(error)
        }
    };
    outcome.map_err(|error| match error {
        OpenError::Damaged { path, why } if path == file => OpenError::DamagedBackup { path, why },
        OpenError::Foreign(path) if path == file => OpenError::NotABackup(path),
        other => other,
    })
}

/// Opens a file that begins as a backup does. Only its beginning is read.
fn open_backup(file: &Path) -> Result<fs::File, OpenError> {
    let fail = |source| OpenError::Unreadable { path: file.into(), source };
    // A FIFO would block.
    if !fs::metadata(file).map_err(fail)?.is_file() {
        return Err(OpenError::NotABackup(file.into()));
    }
    let mut backup = fs::File::open(file).map_err(fail)?;
    let mut header = Vec::new();
    backup.by_ref().take(open::HEADER as u64).read_to_end(&mut header).map_err(fail)?;
    if !open::is_ours(&header) {
        return Err(OpenError::NotABackup(file.into()));
    }
    backup.rewind().map_err(fail)?;
    Ok(backup)
}

/// Copies the backup to where it is examined.
fn copy(mut backup: fs::File, new: &Path) -> io::Result<()> {
    let mut copy = private::create(new)?;
    io::copy(&mut backup, &mut copy)?;
    copy.sync_all()
}

async fn put_in_place(
    directory: &Path,
    file: &Path,
    backup: fs::File,
    order: Order,
    new_secrets: bool,
) -> Result<Restored, OpenError> {
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source: io::Error| OpenError::with(source, &path, directory)
    };
    let new = directory.join("restore.new");
    copy(backup, &new).map_err(fail(&new))?;
    let anchor = Anchor::read(directory).map_err(fail(directory))?.map(|anchor| anchor.known());
    let damaged = |error: sqlx::Error| OpenError::of(error, file, directory);
    let options = SqliteConnectOptions::new()
        .filename(&new)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(damaged)?;
    open::check(&mut connection, file, directory).await?;
    let own = open::epoch(&mut connection).await.map_err(damaged)?.unwrap_or(open::FIRST_EPOCH);
    let replaced = aside::former(directory).map_err(fail(directory))?;
    let (heard, forbidding) = former::read(replaced.as_deref()).await;
    let known = anchor.as_ref().map_or(0, |known| known.epoch);
    // The epoch must also be beyond that of a store that was moved aside: an interrupted restore has moved the former
    // one already.
    let lying = aside::list(directory).map_err(fail(directory))?.last().map_or(0, |aside| aside.epoch);
    let epoch = own.max(known).max(lying) + 1;
    let head = audit::head(&mut connection).await.map_err(damaged)?;
    let passwords = passwords(&mut connection, replaced.as_deref()).await.map_err(damaged)?;
    if passwords == Passwords::New && !new_secrets {
        return Err(OpenError::NoPasswords { path: file.into() });
    }
    let before = anchor.map_or_else(|| "nothing".into(), |known| format!("epoch {}, {}", known.epoch, known.audit));
    let (heard_words, password_words) = (heard.words(), passwords.words());
    let order = order.detail(format!("epoch {epoch}; the anchor file knew {before}; {heard_words}; {password_words}"));
    let mut ledger = Ledger::new(head, Anchor::nowhere());
    let at = stamp();
    let Stamp { seconds: now, .. } = at;
    let mut database = Sqlite::on(connection, directory);
    let backup = database.memory().await.map_err(damaged)?;
    let Work { writes, ended, forbidden } = Work::of(&backup, &forbidding.memory, now);
    let who = format!("a restore, ordered by {}", order.actor);
    let stopped = forbidding.memory.stopped.or(backup.stopped).unwrap_or(Stopped { since: now, who });
    database.begin().await.map_err(damaged)?;
    database.put_nodes(&writes, at).await.map_err(damaged)?;
    database.put_stopped(Some(&stopped)).await.map_err(damaged)?;
    let revoked = database.revoke_again(&forbidding.revoked).await.map_err(damaged)?;
    database.end_sessions().await.map_err(damaged)?;
    database.put_epoch(epoch).await.map_err(damaged)?;
    ledger.append(&mut database, now, &[(order.clone(), "done".into())]).await.map_err(damaged)?;
    database.commit().await.map_err(damaged)?;
    database.close().await.map_err(damaged)?;
    let former = aside::swap(directory, &new, epoch).map_err(fail(directory))?.or(replaced);
    // Between the two steps the database is of a later epoch than the anchor: no daemon starts, and another restore
    // repairs it.
    Anchor::create(directory, Known { epoch, audit: ledger.head() }).map_err(fail(directory))?;
    let removed = aside::remove_due(directory, SystemTime::now()).map_err(fail(directory))?;
    Ok(Restored { epoch, ended, forbidden, revoked, stopped, heard, former, removed, passwords })
}

/// The changes that a restore makes to the nodes of a backup.
#[derive(Default)]
struct Work {
    writes: Vec<Write>,
    ended: Vec<Mac>,
    forbidden: Vec<(Mac, String)>,
}

impl Work {
    fn of(backup: &Memory, former: &Memory, now: u64) -> Self {
        let mut work = Self::default();
        let macs: BTreeSet<Mac> = backup.nodes.keys().chain(former.nodes.keys()).copied().collect();
        for mac in macs {
            let ended = backup.nodes.get(&mac).and_then(|record| end(mac, record, now));
            if let Some((record, log)) = ended.clone() {
                work.ended.push(mac);
                work.writes.push((mac, record, log));
            }
            let own = ended.as_ref().map(|(record, _)| record).or(backup.nodes.get(&mac));
            if let Some(before) = former.nodes.get(&mac)
                && let Some((record, words)) = former::heed(own, before, now)
            {
                let detail = format!("{words}, as in the store that a restore replaced");
                work.writes.push((mac, record, Some(LogLine { kind: "restored", detail })));
                work.forbidden.push((mac, words));
            }
        }
        work
    }
}

/// The record of a node that was armed or being installed in the backup, after ending that.
fn end(mac: Mac, record: &Record, now: u64) -> Option<(Record, Option<LogLine>)> {
    if let State::Suspect { previous, why } = &record.state {
        // An installer was running behind the suspicion; clearing it must not bring that back.
        let previous = Box::new(previous.apply(&Event::Overdue { reason: REASON.into() }).ok()?);
        let mut record = record.clone();
        record.state = State::Suspect { previous, why: why.clone() };
        return Some((record, None));
    }
    let event = match &record.state {
        State::Armed { .. } => Event::Disarmed,
        State::Installing { .. } => Event::Overdue { reason: REASON.into() },
        _ => return None,
    };
    let Changed { record, log } = Change::Event { event, mark: None }.work_on(mac, record, now).ok()?;
    Some((record, log))
}

const REASON: &str =
    "the store was restored from a backup while it was installing: what became of it since is not known";

/// Where the restored store's passwords come from. A former store that cannot be read has none to give.
async fn passwords(connection: &mut SqliteConnection, former: Option<&Path>) -> Result<Passwords, sqlx::Error> {
    if carry::has_passwords(connection).await? {
        return Ok(Passwords::Backup);
    }
    if let Some(former) = former
        && carry::carry(connection, former).await.unwrap_or(false)
    {
        return Ok(Passwords::Former);
    }
    Ok(Passwords::New)
}
