//! The only implementation so far: SQLite. The statements of each table are in the file about its content.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Sqlite as Kind};

use super::database::{Database, Failed, Reading};
use super::memory::{Memory, Write};
use super::reader::{EventPage, NumberedEvent};
use super::secret_rows::{SecretWrite, Stored};
use super::sessions::StoredSession;
use super::signed::signed;
use super::timeline::{Shelf, TimelineQuery};
use super::tokens::{StoredToken, TokenChange};
use super::{AuditFilter, audit, backup, meta, open, reader, room, secret_rows, sessions, sums, timeline, tokens};
use crate::audit::{AuditLine, Head};
use crate::clock::Stamp;
use crate::lifecycle::Stopped;
use crate::site::Mac;
use crate::timeline::{Moment, Page};

/// Rows of one statement. Each statement is a message to another thread and an answer, which costs more than a row; with
/// nine values in a row these are far from the 32,766 that SQLite takes.
const ROWS: usize = 128;

/// The connection that writes.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    directory: PathBuf,
    shelf: Shelf,
}

impl Sqlite {
    /// Wraps an open connection to a database in this directory, whose schema was checked.
    pub(crate) fn on(connection: SqliteConnection, directory: &Path) -> Self {
        Self { connection, directory: directory.into(), shelf: Shelf::default() }
    }

    /// Begins an epoch. This is not a part of the seam: only a database that is a file can be replaced by a backup.
    pub(crate) async fn put_epoch(&mut self, epoch: u64) -> Result<(), Failed> {
        meta::put(&mut self.connection, "epoch", &epoch.to_string()).await
    }

    /// Revokes every token that is valid here and was revoked in the former store; returns their names. Only a restore
    /// does this.
    pub(crate) async fn revoke_again(&mut self, revoked: &[StoredToken]) -> Result<Vec<String>, Failed> {
        let mut names = Vec::new();
        for token in revoked {
            if tokens::revoke_by_id(&mut self.connection, token).await? {
                names.push(token.name.clone());
            }
        }
        Ok(names)
    }

    /// Ends every session. Only a restore does this.
    pub(crate) async fn end_sessions(&mut self) -> Result<(), Failed> {
        sessions::end_all(&mut self.connection).await
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), Failed> {
        sqlx::query(sql).fetch_all(&mut self.connection).await.map(drop)
    }
}

impl Database for Sqlite {
    async fn begin(&mut self) -> Result<(), Failed> {
        self.run("BEGIN IMMEDIATE").await
    }

    async fn commit(&mut self) -> Result<(), Failed> {
        self.run("COMMIT").await
    }

    async fn rollback(&mut self) -> Result<(), Failed> {
        self.shelf = Shelf::default(); // it counted rows that were rolled back
        match self.run("ROLLBACK").await {
            // SQLite has rolled back already (<https://www.sqlite.org/lang_transaction.html>, "Response To Errors").
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("1") => Ok(()),
            other => other,
        }
    }

    fn is_full(&self, error: &Failed) -> bool {
        room::is_full(error, &self.directory)
    }

    async fn tries_to_write(&mut self) -> Result<bool, Failed> {
        if !room::is_enough(&self.directory) {
            return Ok(false);
        }
        self.begin().await?;
        self.run("UPDATE meta SET value = value WHERE name = 'epoch'").await?;
        self.commit().await.map(|()| true)
    }

    async fn memory(&mut self) -> Result<Memory, Failed> {
        open::memory(&mut self.connection).await
    }

    async fn put_nodes(&mut self, writes: &[Write], at: Stamp) -> Result<(), Failed> {
        let (now, ms) = (signed(at.seconds), i64::from(at.ms));
        for some in writes.chunks(ROWS) {
            let mut upsert = QueryBuilder::<Kind>::new("INSERT INTO node (mac, record, updated, sum) ");
            upsert.push_values(some, |mut row, (mac, record, _)| {
                let (mac, text) = (mac.to_string(), record.to_text());
                let sum = sums::sum("node", &[mac.as_str().into(), text.as_str().into(), now.into()]);
                row.push_bind(mac).push_bind(text).push_bind(now).push_bind(sum);
            });
            upsert.push(
                " ON CONFLICT (mac) DO UPDATE SET record = excluded.record, updated = excluded.updated, \
                 sum = excluded.sum",
            );
            upsert.build().execute(&mut self.connection).await?;
        }
        let lines: Vec<_> =
            writes.iter().filter_map(|(mac, record, line)| Some((mac, record, line.as_ref()?))).collect();
        for some in lines.chunks(ROWS) {
            let mut insert =
                QueryBuilder::<Kind>::new("INSERT INTO event (at, ms, mac, kind, state, attempt, detail, sum) ");
            insert.push_values(some, |mut row, (mac, record, line)| {
                let attempt = record.state.attempt().map(|attempt| attempt.id.to_string());
                let (mac, kind, state, detail) = (mac.to_string(), line.kind, record.state.word(), line.detail.clone());
                let fields = [
                    now.into(),
                    ms.into(),
                    mac.as_str().into(),
                    kind.into(),
                    state.into(),
                    attempt.as_deref().into(),
                    detail.as_str().into(),
                ];
                let sum = sums::sum("event", &fields);
                row.push_bind(now).push_bind(ms).push_bind(mac).push_bind(kind).push_bind(state);
                row.push_bind(attempt).push_bind(detail).push_bind(sum);
            });
            insert.build().execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn put_stopped(&mut self, stopped: Option<&Stopped>) -> Result<(), Failed> {
        // Any row there is this order, or was it before it was damaged.
        self.run("DELETE FROM site_wide").await?;
        let query = match stopped {
            Some(stopped) => {
                let text = serde_json::to_string(stopped).expect("a number and a text");
                let sum = sums::sum("site_wide", &["stopped".into(), text.as_str().into()]);
                let insert = "INSERT OR REPLACE INTO site_wide (key, value, sum) VALUES ('stopped', ?, ?)";
                sqlx::query(insert).bind(text).bind(sum)
            }
            None => return Ok(()),
        };
        query.execute(&mut self.connection).await.map(drop)
    }

    async fn put_secrets(&mut self, write: SecretWrite) -> Result<(), Failed> {
        secret_rows::write(&mut self.connection, write).await
    }

    async fn secrets(&mut self) -> Result<Stored, Failed> {
        secret_rows::rows(&mut self.connection).await
    }

    async fn forget_replaced(&mut self) -> Result<(), Failed> {
        // The database's log must not keep the old values; in the file itself, `secure_delete` overwrote them.
        self.run("PRAGMA wal_checkpoint(TRUNCATE)").await
    }

    async fn change_token(&mut self, change: &TokenChange) -> Result<bool, Failed> {
        tokens::apply(&mut self.connection, change).await
    }

    async fn append_audit(&mut self, lines: &[AuditLine]) -> Result<(), Failed> {
        for some in lines.chunks(ROWS) {
            audit::insert(&mut self.connection, some).await?;
        }
        Ok(())
    }

    async fn audit_head(&mut self) -> Result<Head, Failed> {
        audit::head(&mut self.connection).await
    }

    async fn audit_lines(&mut self, filter: &AuditFilter) -> Result<Vec<AuditLine>, Failed> {
        audit::lines(&mut self.connection, filter).await
    }

    async fn add_moments(
        &mut self,
        moments: &[Moment],
        now: u64,
        is_known: impl Fn(Mac) -> bool,
    ) -> Result<(), Failed> {
        self.shelf.add(&mut self.connection, moments, now, is_known).await
    }

    async fn backup(&mut self, with_open_secrets: bool) -> Result<Vec<u8>, String> {
        backup::copy(&mut self.connection, &self.directory, with_open_secrets).await
    }

    async fn close(self) -> Result<(), Failed> {
        self.connection.close().await
    }
}

/// The connection that reads; in WAL mode it does not wait for commits.
pub(super) struct SqliteReading {
    connection: SqliteConnection,
    directory: PathBuf,
}

impl SqliteReading {
    /// Opens the second connection to a store that is open already.
    pub(crate) async fn open(directory: &Path) -> Result<Self, Failed> {
        let options = SqliteConnectOptions::new().filename(directory.join(open::FILE)).read_only(true);
        let connection = options.pragma("trusted_schema", "OFF").disable_statement_logging().connect().await?;
        Ok(Self { connection, directory: directory.into() })
    }
}

impl Reading for SqliteReading {
    async fn event_page(&mut self, page: EventPage) -> Result<Vec<NumberedEvent>, Failed> {
        reader::events(&mut self.connection, page).await
    }

    async fn tokens(&mut self) -> Result<Vec<StoredToken>, Failed> {
        tokens::read(&mut self.connection).await
    }

    async fn sessions(&mut self) -> Result<Vec<StoredSession>, Failed> {
        sessions::read(&mut self.connection).await
    }

    async fn timeline(&mut self, query: &TimelineQuery) -> Result<Page, Failed> {
        timeline::read(&mut self.connection, query).await
    }

    fn is_damage(&self, error: &Failed) -> bool {
        // These are SQLITE_IOERR, SQLITE_CORRUPT and SQLITE_NOTADB with all their extended codes: the low byte is the
        // primary code.
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 10 | 11 | 26)) && !room::is_full(error, &self.directory)
    }

    async fn close(self) {
        let _ = self.connection.close().await;
    }
}
