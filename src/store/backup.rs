//! Backups: one file that SQLite writes while the daemon goes on working. It contains only sealed secrets, unless the
//! operator asks for open ones.

use std::fs;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::oneshot;

use super::{ChangeError, Command, Store, private, seal};

/// Why no backup was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BackupError {
    /// The copy could not be made.
    #[error("cannot copy the store below its own directory: {0}; is its disk full?")]
    Copy(String),
    /// The store has stopped.
    #[error(transparent)]
    Store(#[from] ChangeError),
}

impl Store {
    /// The whole store at this moment, as the bytes of a database file.
    pub(crate) async fn backup(&self, with_open_secrets: bool) -> Result<Vec<u8>, BackupError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Backup { with_open_secrets, reply };
        self.commands.send(command).await.map_err(|_| ChangeError::Stopped)?;
        answer.await.map_err(|_| ChangeError::Stopped)?.map_err(BackupError::Copy)
    }
}

/// Makes a copy beside the database, removes open secrets from it, and reads it. A copy that cannot be made (because
/// the disk is full) harms nothing, so the store goes on.
pub(super) async fn copy(
    connection: &mut SqliteConnection,
    directory: &Path,
    with_open_secrets: bool,
) -> Result<Vec<u8>, String> {
    let path = directory.join("backup.new");
    let result = make(connection, &path, with_open_secrets).await;
    let _ = fs::remove_file(&path);
    result
}

async fn make(connection: &mut SqliteConnection, path: &Path, with_open_secrets: bool) -> Result<Vec<u8>, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let _ = fs::remove_file(path); // a killed daemon may have left one
    // The file is created before SQLite writes to it, so that it is never readable by others.
    private::create(path).map_err(|error| words(&error))?;
    let target = path.to_str().ok_or("the state directory has a name that is not UTF-8")?.to_string();
    sqlx::query("VACUUM INTO ?").bind(target).execute(connection).await.map_err(|error| words(&error))?;
    let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
    let mut copy = options.connect().await.map_err(|error| words(&error))?;
    let sealed: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(seal::ROW)
        .fetch_optional(&mut copy)
        .await
        .map_err(|error| words(&error))?;
    if sealed.is_none() && !with_open_secrets {
        // VACUUM rewrites the file, so no page keeps what was deleted.
        for sql in ["PRAGMA secure_delete = ON", "DELETE FROM secret", "VACUUM"] {
            sqlx::query(sql).execute(&mut copy).await.map_err(|error| words(&error))?;
        }
    }
    copy.close().await.map_err(|error| words(&error))?;
    fs::read(path).map_err(|error| words(&error))
}
