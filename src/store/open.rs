//! Opens the database file, or says in one sentence why it cannot and what to do. It never starts with an empty store
//! in place of a damaged one.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row};

use super::anchor::{Anchor, Known};
use super::damage::{DAMAGED, Damage};
use super::database::Database;
use super::sqlite::Sqlite;
use super::{Memory, Record, audit, meta, private, room, sums, tokens};
use crate::audit::Head;
use crate::clock::unix_now;
use crate::lifecycle::Stopped;
use crate::site::Mac;

/// `rack` in ASCII: marks the file as ours (SQLite's `application_id`).
const APPLICATION_ID: i64 = 0x7261_636b;

/// SQLite's own mark at the beginning of a file; the format also has a place for the application's mark
/// (<https://www.sqlite.org/fileformat.html>, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const PLACE_OF_ID: std::ops::Range<usize> = 68..72;
/// How many bytes of a file tell whether it is a store.
pub(super) const HEADER: usize = 100;

/// Whether a file with this beginning was written by rackstart.
pub(super) fn is_ours(header: &[u8]) -> bool {
    let id = i32::try_from(APPLICATION_ID).expect("it is four letters").to_be_bytes();
    header.starts_with(MAGIC) && header.get(PLACE_OF_ID).is_some_and(|found| found == id)
}

/// Name of the database file in the state directory.
pub(super) const FILE: &str = "rackstart.sqlite";

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be created or read.
    #[error("cannot use the state directory {path}: {source}")]
    Directory {
        /// The path of the directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// Restoring the backup would cost the cloud its passwords.
    #[error(
        "the backup {path} holds no passwords, and there is no former store to take them from: new ones would not be those that \
             the installed nodes know; restore a backup that was made with `--with-secrets` or from a sealed store, or say \
             `--new-secrets`"
    )]
    NoPasswords {
        /// The path of the backup.
        path: PathBuf,
    },
    /// Other users may read or write the directory.
    #[error("the state directory {path} is open to other users (mode {mode:o}); run `chmod 700 {path}`")]
    Mode {
        /// The path of the directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory is not on a local disk.
    #[error(
        "the state directory {path} is on {kind}: there, what was written may be lost and two machines may write at once; \
             name a directory on a disk of this machine in `server.state`"
    )]
    Remote {
        /// The path of the directory.
        path: PathBuf,
        /// The kind of its file system.
        kind: &'static str,
    },
    /// Another user owns it.
    #[error(
        "{path} belongs to user {uid}, and this runs as user {own}: use `sudo`, or run it as that user; only a daemon that is to \
             run as user {own} from now on needs it given to that user with `chown`"
    )]
    Owner {
        /// The path.
        path: PathBuf,
        /// The user id of its owner.
        uid: u32,
        /// Our own user id.
        own: u32,
    },
    /// There is a symbolic link where a file belongs.
    #[error("{0} is a symbolic link; the files of the store must lie in its directory themselves")]
    Link(PathBuf),
    /// Another daemon uses the directory.
    #[error("the state directory {0} is in use by another rackstart; stop that one first")]
    InUse(PathBuf),
    /// The disk is full.
    #[error(
        "no space is left on the disk of the state directory {0}: make room there and try again; no store was damaged by it"
    )]
    NoRoom(PathBuf),
    /// The backup cannot be opened.
    #[error("cannot read the backup {path}: {source}")]
    Unreadable {
        /// The path of the backup.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// `rackstart backup` did not write the file.
    #[error("{0} is not a backup of rackstart: name a file that `rackstart backup` wrote; nothing was changed")]
    NotABackup(PathBuf),
    /// The backup has lost some of its bytes.
    #[error("the backup {path} is damaged: {why}; take another one, nothing was changed")]
    DamagedBackup {
        /// The path of the backup.
        path: PathBuf,
        /// The reason, in SQLite's words.
        why: String,
    },
    /// SQLite cannot read the store.
    #[error(
        "the store {path} is damaged: {why}; restore a copy, or move it away: every node is then treated as never \
             installed, and only blank disks are installed"
    )]
    Damaged {
        /// The path of the database.
        path: PathBuf,
        /// The reason, in SQLite's words.
        why: String,
    },
    /// The database is older than what this directory has seen.
    #[error(
        "the store {path} is not the newest one of this directory: {why}; spent wipe permits could come back with it. \
             Move it away, then run `rackstart restore` on it"
    )]
    Older {
        /// The path of the database.
        path: PathBuf,
        /// What shows that it is older.
        why: String,
    },
    /// The database has a schema that this program does not know.
    #[error(
        "the store {path} was written by a newer rackstart (its shape {shape} is not known here): run that one, or restore a \
             backup that was made before the upgrade"
    )]
    Newer {
        /// The path of the database.
        path: PathBuf,
        /// The number of the first migration that is not known.
        shape: i64,
    },
    /// The database belongs to another program.
    #[error("{0} is not a rackstart store; name another directory in `server.state`")]
    Foreign(PathBuf),
}

impl OpenError {
    /// Turns an error about `path` in a state directory into one of these.
    pub(super) fn of(error: sqlx::Error, path: &Path, directory: &Path) -> Self {
        match room::is_full(&error, directory) {
            true => Self::NoRoom(directory.into()),
            false => Self::Damaged { path: path.into(), why: error.to_string() },
        }
    }

    /// Whether another user might be allowed to do what this one may not.
    pub(crate) fn is_for_others(&self) -> bool {
        match self {
            Self::Directory { source, .. } | Self::Unreadable { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            _ => false,
        }
    }

    /// Turns an error about `path`, which is or lies in a state directory, into one of these.
    pub(super) fn with(source: io::Error, path: &Path, directory: &Path) -> Self {
        match room::is_no_room(&source) {
            true => Self::NoRoom(directory.into()),
            false => Self::Directory { path: path.into(), source },
        }
    }
}

/// Whether there is a store in this directory, or was one that is gone.
pub(crate) fn exists(directory: &Path) -> bool {
    directory.join(FILE).exists() || matches!(Anchor::read(directory), Ok(Some(_)) | Err(_))
}

/// Whether a process has the store of this directory open. It changes and creates nothing.
pub(crate) fn is_in_use(directory: &Path) -> bool {
    let lock = fs::File::open(directory.join("lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

/// An open store: its connection, its content, and the lock that keeps a second daemon out while the store is open.
pub(super) struct Opened {
    pub database: Sqlite,
    pub memory: Memory,
    pub lock: fs::File,
    pub anchor: Anchor,
    pub head: Head,
}

/// Opens and checks the store, and reads every record. A new store is created completely or not at all.
pub(super) async fn open(directory: &Path) -> Result<Opened, OpenError> {
    let lock = prepare(directory)?;
    let is_new = !exists(directory);
    // Its first secrets are written after it exists, and they need room too.
    if is_new && !room::is_enough(directory) {
        return Err(OpenError::NoRoom(directory.into()));
    }
    let opened = open_locked(directory).await;
    if is_new && opened.is_err() {
        // It has acknowledged nothing yet. The next start removes what cannot be removed now.
        let _ = private::unmake(directory);
    }
    let (database, memory, anchor, head) = opened?;
    Ok(Opened { database, memory, lock, anchor, head })
}

/// Opens the store in a directory whose lock is held.
async fn open_locked(directory: &Path) -> Result<(Sqlite, Memory, Anchor, Head), OpenError> {
    let path = directory.join(FILE);
    let unusable = |source| OpenError::with(source, directory, directory);
    let anchor = Anchor::read(directory).map_err(unusable)?;
    if anchor.is_some() && !path.exists() {
        // Starting empty here would forget every spent permit.
        return Err(OpenError::Older { path, why: "it is gone, and the anchor file says that there was one".into() });
    }
    let damaged = |error: sqlx::Error| OpenError::of(error, &path, directory);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        // A rotated secret must leave no copy in a free page.
        .pragma("secure_delete", "ON")
        // Intermediate results of a statement must never wait for another disk.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    if !path.exists() {
        // The file is created before SQLite writes to it, so that it is never readable by others.
        private::create(&path).map_err(unusable)?;
    }
    let mut connection = options.connect().await.map_err(damaged)?;
    check(&mut connection, &path, directory).await?;
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
    vouch(&mut connection, &path, directory, &anchor).await?;
    let was_repaired = repair_indexes(&mut connection, &path, directory).await?;
    let mut database = Sqlite::on(connection, directory);
    let mut memory = database.memory().await.map_err(damaged)?;
    memory.damage.indexes = was_repaired;
    let head = database.audit_head().await.map_err(damaged)?;
    Ok((database, memory, anchor, head))
}

/// Checks that the database is ours and intact, and migrates it to the newest schema. `directory` is on the disk of the
/// store.
pub(super) async fn check(connection: &mut SqliteConnection, path: &Path, directory: &Path) -> Result<(), OpenError> {
    let damaged = |why: String| OpenError::Damaged { path: path.into(), why };
    let failed = |error: sqlx::Error| OpenError::of(error, path, directory);
    check_owner(connection, path, directory).await?;
    let verdict: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await.map_err(failed)?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let migrated = sqlx::migrate!("src/store/migrations").run(&mut *connection).await;
    migrated.map_err(|error| match error {
        MigrateError::VersionMissing(shape) => OpenError::Newer { path: path.into(), shape },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failed(error),
        error => damaged(error.to_string()),
    })?;
    sums::fill_in(connection).await.map_err(failed)?;
    let (found, wanted) = (shape(connection).await.map_err(failed)?, new_shape().await.map_err(failed)?);
    if found == wanted { Ok(()) } else { Err(damaged("its tables are not those of this rackstart".into())) }
}

/// The epoch of a store that was never restored.
pub(super) const FIRST_EPOCH: u64 = 1;

/// The epoch of the database; none before its anchor was first written.
pub(super) async fn epoch(connection: &mut SqliteConnection) -> Result<Option<u64>, sqlx::Error> {
    Ok(meta::get(connection, "epoch").await?.and_then(|text| text.parse().ok()))
}

/// Compares the database with the anchor. An older copy is refused.
async fn vouch(
    connection: &mut SqliteConnection,
    path: &Path,
    directory: &Path,
    anchor: &Anchor,
) -> Result<(), OpenError> {
    let damaged = |error: sqlx::Error| OpenError::of(error, path, directory);
    let older = |why: String| OpenError::Older { path: path.into(), why };
    let known = anchor.known();
    match epoch(connection).await.map_err(damaged)? {
        Some(epoch) if epoch == known.epoch => {}
        Some(epoch) => {
            return Err(older(format!("it is of epoch {epoch}, the anchor file of epoch {}", known.epoch)));
        }
        None if known.epoch == FIRST_EPOCH => {
            meta::put(connection, "epoch", &known.epoch.to_string()).await.map_err(damaged)?;
        }
        None => return Err(older(format!("it has no epoch, the anchor file has {}", known.epoch))),
    }
    match audit::hash_of(connection, known.audit.id).await.map_err(damaged)? {
        Some(hash) if hash == known.audit.hash => Ok(()),
        Some(_) => {
            Err(older(format!("line {} of its audit log differs from the one that the anchor knows", known.audit.id)))
        }
        None => Err(older(format!("its audit log ends before line {}, which the anchor knows", known.audit.id))),
    }
}

/// Claims a state directory for this process alone: checks its owner and place, takes its lock, and removes what killed
/// work left.
pub(super) fn prepare(directory: &Path) -> Result<fs::File, OpenError> {
    let fail = |source| OpenError::with(source, directory, directory);
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

async fn check_owner(connection: &mut SqliteConnection, path: &Path, directory: &Path) -> Result<(), OpenError> {
    let damaged = |error: sqlx::Error| OpenError::of(error, path, directory);
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
        .map_err(|source| OpenError::with(source, path, directory))
}

/// Reads every node, and which records are damaged.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<(HashMap<Mac, Record>, Damage), sqlx::Error> {
    let unreadable = |why: String| sqlx::Error::Decode(why.into());
    let (mut records, mut damage) = (HashMap::new(), Damage::default());
    for row in sqlx::query("SELECT mac, record, updated, sum FROM node").fetch_all(connection).await? {
        if sums::holds("node", &row, 3) {
            let (mac, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let key = mac.parse::<Mac>().map_err(|error| unreadable(error.to_string()))?;
            let record = Record::from_text(&text).map_err(|why| unreadable(format!("the record of {mac}: {why}")))?;
            records.insert(key, record);
        } else if let Some(mac) = row.try_get::<&str, _>(0).ok().and_then(|mac| mac.parse::<Mac>().ok()) {
            tracing::error!(%mac, "the record of this node in the store is damaged: it is suspect and protected");
            records.insert(mac, Record::damaged(unix_now()));
            damage.nodes.insert(mac);
        } else {
            tracing::error!("the record of a node in the store is damaged, and with it which node it is");
            damage.nobodys += 1;
        }
    }
    Ok((records, damage))
}

/// Reads whether all installations are stopped, and whether that is because the order is unreadable.
pub(super) async fn read_stopped(connection: &mut SqliteConnection) -> Result<(Option<Stopped>, bool), sqlx::Error> {
    let rows = sqlx::query("SELECT key, value, sum FROM site_wide").fetch_all(connection).await?;
    if rows.iter().any(|row| !sums::holds("site_wide", row, 2)) {
        let who = "rackstart itself, because its store is damaged where such an order is recorded".into();
        return Ok((Some(Stopped { since: unix_now(), who }), true));
    }
    let found = rows.iter().find(|row| row.try_get::<&str, _>(0).is_ok_and(|key| key == "stopped"));
    let stopped = found.map(|row| {
        serde_json::from_str(row.try_get(1)?).map_err(|error| sqlx::Error::Decode(format!("`stopped`: {error}").into()))
    });
    Ok((stopped.transpose()?, false))
}

/// Reads everything that decisions depend on.
pub(super) async fn memory(connection: &mut SqliteConnection) -> Result<Memory, sqlx::Error> {
    let (nodes, mut damage) = read(connection).await?;
    let (stopped, is_damaged) = read_stopped(connection).await?;
    damage.stopped = is_damaged;
    damage.tokens = tokens::read(connection).await?.iter().filter(|token| token.role == DAMAGED).count();
    Ok(Memory { nodes: nodes.into(), stopped, damage })
}

/// Every table with its columns, every index and every trigger, one line each.
async fn shape(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let select = "SELECT concat_ws(' ', m.type, m.name, c.cid, c.name, c.type, c.\"notnull\", c.pk) AS line \
                  FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) c ON m.type = 'table' \
                  WHERE m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY line";
    sqlx::query_scalar(select).fetch_all(connection).await
}

/// The schema of a new database.
async fn new_shape() -> Result<Vec<String>, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).disable_statement_logging().connect().await?;
    sqlx::migrate!("src/store/migrations").run(&mut connection).await?;
    sums::fill_in(&mut connection).await?;
    shape(&mut connection).await
}

/// Rebuilds damaged indexes, since an index only says where a record is. Returns whether there was one.
async fn repair_indexes(connection: &mut SqliteConnection, path: &Path, directory: &Path) -> Result<bool, OpenError> {
    let damaged = |error: sqlx::Error| OpenError::of(error, path, directory);
    let mut verdict = String::new();
    for was_repaired in [false, true] {
        verdict = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await.map_err(damaged)?;
        if verdict == "ok" {
            return Ok(was_repaired);
        }
        if !was_repaired {
            tracing::error!("an index of the store is damaged ({verdict}): all of them are made anew");
            sqlx::query("REINDEX").execute(&mut *connection).await.map_err(damaged)?;
        }
    }
    Err(OpenError::Damaged { path: path.into(), why: verdict })
}
