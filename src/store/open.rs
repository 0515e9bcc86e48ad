//! Opens the database file, or says in one sentence why not and what to do. Never starts empty over a damaged store.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row};

use super::anchor::{Anchor, Known};
use super::database::Database;
use super::sqlite::Sqlite;
use super::{Memory, Record, audit, private};
use crate::audit::Head;
use crate::lifecycle::Stopped;
use crate::site::Mac;

/// `rack` in ASCII: marks the file as ours (SQLite's `application_id`).
const APPLICATION_ID: i64 = 0x7261_636b;

/// Name of the database file in the state directory.
pub(super) const FILE: &str = "rackstart.sqlite";

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or read.
    #[error("cannot use the state directory {path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A backup that would cost the cloud its passwords.
    #[error(
        "the backup {path} holds no passwords, and there is no former store to take them from: new ones would not be those that \
             the installed nodes know; restore a backup that was made with `--with-secrets` or from a sealed store, or say \
             `--new-secrets`"
    )]
    NoPasswords {
        /// The backup.
        path: PathBuf,
    },
    /// Others may read or write it.
    #[error("the state directory {path} is open to other users (mode {mode:o}); run `chmod 700 {path}`")]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is on another machine.
    #[error(
        "the state directory {path} is on {kind}: there, what was written may be lost and two machines may write at once; \
             name a directory on a disk of this machine in `server.state`"
    )]
    Remote {
        /// Which.
        path: PathBuf,
        /// Kind of the file system.
        kind: &'static str,
    },
    /// Somebody else owns it.
    #[error(
        "{path} belongs to user {uid}, and rackstart runs as user {own}; run it as that user, or give it to that user with `chown`"
    )]
    Owner {
        /// Which.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Who we are.
        own: u32,
    },
    /// A link where a file belongs.
    #[error("{0} is a symbolic link; the files of the store must lie in its directory themselves")]
    Link(PathBuf),
    /// Another daemon uses it.
    #[error("the state directory {0} is in use by another rackstart; stop that one first")]
    InUse(PathBuf),
    /// SQLite cannot read it.
    #[error(
        "the store {path} is damaged: {why}; restore a copy, or move it away: every node is then treated as never \
             installed, and only blank disks are installed"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// SQLite's words.
        why: String,
    },
    /// The database is an older copy than what this directory has seen.
    #[error(
        "the store {path} is not the newest one of this directory: {why}; spent wipe permits could come back with it. \
             Move it away, then run `rackstart restore` on it"
    )]
    Older {
        /// Which.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// A database of something else.
    #[error("{0} is not a rackstart store; name another directory in `server.state`")]
    Foreign(PathBuf),
}

/// An open store: its connection, what it holds, and the lock that keeps a second daemon out while it lives.
pub(super) struct Opened {
    pub database: Sqlite,
    pub memory: Memory,
    pub lock: fs::File,
    pub anchor: Anchor,
    pub head: Head,
}

/// Opens and checks the store, and reads every record.
pub(super) async fn open(directory: &Path) -> Result<Opened, OpenError> {
    let lock = prepare(directory)?;
    let path = directory.join(FILE);
    let unusable = |source| OpenError::Directory { path: directory.into(), source };
    let anchor = Anchor::read(directory).map_err(unusable)?;
    if anchor.is_some() && !path.exists() {
        // Starting empty here would forget every permit that was spent.
        return Err(OpenError::Older { path, why: "it is gone, and the anchor file says that there was one".into() });
    }
    let damaged = |error: sqlx::Error| OpenError::Damaged { path: path.clone(), why: error.to_string() };
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        // A rotated secret leaves no copy in a free page.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    if !path.exists() {
        // Made before SQLite writes to it, so that it is never open to others.
        private::create(&path).map_err(unusable)?;
    }
    let mut connection = options.connect().await.map_err(damaged)?;
    check(&mut connection, &path).await?;
    // The file's name must survive a power cut as well as its content.
    fs::File::open(directory).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    let anchor = match anchor {
        Some(anchor) => anchor,
        None => {
            if epoch(&mut connection).await.map_err(damaged)?.is_some() {
                let why = "its anchor file `anchor.json` is not here, so it was copied from elsewhere".into();
                return Err(OpenError::Older { path, why });
            }
            let audit = audit::head(&mut connection).await.map_err(damaged)?;
            Anchor::create(directory, Known { epoch: FIRST_EPOCH, audit }).map_err(unusable)?
        }
    };
    vouch(&mut connection, &path, &anchor).await?;
    let mut database = Sqlite::on(connection, directory);
    let memory = database.memory().await.map_err(damaged)?;
    let head = database.audit_head().await.map_err(damaged)?;
    Ok(Opened { database, memory, lock, anchor, head })
}

/// Makes sure that the database is ours and whole, and brings it to the newest shape.
pub(super) async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let damaged = |why: String| OpenError::Damaged { path: path.into(), why };
    check_owner(connection, path).await?;
    let verdict = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    let verdict: String = verdict.map_err(|error| damaged(error.to_string()))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let migrated = sqlx::migrate!("src/store/migrations").run(connection).await;
    migrated.map_err(|error| damaged(error.to_string()))
}

/// The epoch of a store that was never restored.
pub(super) const FIRST_EPOCH: u64 = 1;

/// Which epoch the database belongs to; none before its anchor was first written.
pub(super) async fn epoch(connection: &mut SqliteConnection) -> Result<Option<u64>, sqlx::Error> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT value FROM meta WHERE name = 'epoch'").fetch_optional(connection).await?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Compares the database with what the anchor knows. An older copy is refused.
async fn vouch(connection: &mut SqliteConnection, path: &Path, anchor: &Anchor) -> Result<(), OpenError> {
    let damaged = |error: sqlx::Error| OpenError::Damaged { path: path.into(), why: error.to_string() };
    let older = |why: String| OpenError::Older { path: path.into(), why };
    let known = anchor.known();
    match epoch(connection).await.map_err(damaged)? {
        Some(epoch) if epoch == known.epoch => {}
        Some(epoch) => {
            return Err(older(format!("it is of epoch {epoch}, the anchor file of epoch {}", known.epoch)));
        }
        None if known.epoch == FIRST_EPOCH => {
            let insert = sqlx::query("INSERT INTO meta (name, value) VALUES ('epoch', ?)");
            insert.bind(known.epoch.to_string()).execute(&mut *connection).await.map_err(damaged)?;
        }
        None => return Err(older(format!("it has no epoch, the anchor file has {}", known.epoch))),
    }
    match audit::hash_of(connection, known.audit.id).await.map_err(damaged)? {
        Some(hash) if hash == known.audit.hash => Ok(()),
        Some(_) => Err(older(format!("line {} of its audit log is another one than the anchor knows", known.audit.id))),
        None => Err(older(format!("its audit log ends before line {}, which the anchor knows", known.audit.id))),
    }
}

/// Takes a state directory for this process alone: whose and where it is, its lock, nothing of work that was killed.
pub(super) fn prepare(directory: &Path) -> Result<fs::File, OpenError> {
    let fail = |source| OpenError::Directory { path: directory.into(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fail)?;
    let mode = fs::metadata(directory).map_err(fail)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OpenError::Mode { path: directory.into(), mode });
    }
    super::place::check(directory)?;
    super::place::owner(directory)?;
    let file = private::open_or_create(&directory.join("lock")).map_err(fail)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse(directory.into())),
        Err(fs::TryLockError::Error(error)) => return Err(fail(error)),
    }
    private::give_back(directory).map_err(fail)?;
    private::sweep(directory).map_err(fail)?;
    Ok(file)
}

async fn check_owner(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let damaged = |error: sqlx::Error| OpenError::Damaged { path: path.into(), why: error.to_string() };
    let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(damaged)?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let count = "SELECT count(*) FROM sqlite_master";
    let tables: i64 = sqlx::query_scalar(count).fetch_one(&mut *connection).await.map_err(damaged)?;
    if id != 0 || tables > 0 {
        return Err(OpenError::Foreign(path.into()));
    }
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
    sqlx::query(sqlx::AssertSqlSafe(mark)).execute(connection).await.map_err(damaged)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|source| OpenError::Directory { path: path.into(), source })
}

/// Reads every node.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<HashMap<Mac, Record>, sqlx::Error> {
    let unreadable = |why: String| sqlx::Error::Decode(why.into());
    let mut records = HashMap::new();
    for row in sqlx::query("SELECT mac, record FROM node").fetch_all(connection).await? {
        let (mac, text): (String, String) = (row.get(0), row.get(1));
        let key = mac.parse::<Mac>().map_err(|error| unreadable(error.to_string()))?;
        let record = Record::from_text(&text).map_err(|why| unreadable(format!("the record of {mac}: {why}")))?;
        records.insert(key, record);
    }
    Ok(records)
}

/// Reads whether all installations are stopped.
pub(super) async fn read_stopped(connection: &mut SqliteConnection) -> Result<Option<Stopped>, sqlx::Error> {
    let select = "SELECT value FROM site_wide WHERE key = 'stopped'";
    let text: Option<String> = sqlx::query_scalar(select).fetch_optional(connection).await?;
    let stopped = text.map(|text| serde_json::from_str(&text)).transpose();
    stopped.map_err(|error| sqlx::Error::Decode(format!("`stopped`: {error}").into()))
}
