//! The database that there is: SQLite. The statements of each table lie in the file of what it holds.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

use super::database::{Database, Failed, Reading};
use super::memory::Memory;
use super::reader::{EventPage, NumberedEvent};
use super::secret_rows::{SecretWrite, Stored};
use super::timeline::{Shelf, TimelineQuery};
use super::tokens::{StoredToken, TokenChange};
use super::{AuditFilter, LogLine, Record, StoredEvent, audit, backup, open, reader, secret_rows, timeline, tokens};
use crate::audit::{AuditLine, Head};
use crate::clock::Stamp;
use crate::lifecycle::Stopped;
use crate::site::Mac;
use crate::timeline::{Moment, Page};

/// The connection that writes.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    directory: PathBuf,
    shelf: Shelf,
}

impl Sqlite {
    /// On an open connection to a database in this directory, whose shape was checked.
    pub fn on(connection: SqliteConnection, directory: &Path) -> Self {
        Self { connection, directory: directory.into(), shelf: Shelf::default() }
    }

    /// Begins an epoch. Not a part of the seam: only a database that is a file can be put back as one.
    pub async fn put_epoch(&mut self, epoch: u64) -> Result<(), Failed> {
        let upsert = "INSERT INTO meta (name, value) VALUES ('epoch', ?) \
                      ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(upsert).bind(epoch.to_string()).execute(&mut self.connection).await.map(drop)
    }

    /// Ends every token that is valid here and was ended there; returns their names. Of a restore alone, too.
    pub async fn revoke_again(&mut self, revoked: &[StoredToken]) -> Result<Vec<String>, Failed> {
        let mut names = Vec::new();
        for token in revoked {
            if tokens::revoke_by_id(&mut self.connection, token).await? {
                names.push(token.name.clone());
            }
        }
        Ok(names)
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

    async fn memory(&mut self) -> Result<Memory, Failed> {
        let nodes = open::read(&mut self.connection).await?;
        let stopped = open::read_stopped(&mut self.connection).await?;
        Ok(Memory { nodes, stopped })
    }

    async fn put_node(&mut self, mac: Mac, record: &Record, now: u64) -> Result<(), Failed> {
        let upsert = "INSERT INTO node (mac, record, updated) VALUES (?, ?, ?) \
                      ON CONFLICT (mac) DO UPDATE SET record = excluded.record, updated = excluded.updated";
        let query = sqlx::query(upsert).bind(mac.to_string()).bind(record.to_text()).bind(signed(now));
        query.execute(&mut self.connection).await.map(drop)
    }

    async fn log(&mut self, mac: Mac, record: &Record, line: LogLine, at: Stamp) -> Result<(), Failed> {
        let insert = "INSERT INTO event (at, ms, mac, kind, state, attempt, detail) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let attempt = record.state.attempt().map(|attempt| attempt.id.to_string());
        let query = sqlx::query(insert).bind(signed(at.seconds)).bind(at.ms).bind(mac.to_string()).bind(line.kind);
        let query = query.bind(record.state.word()).bind(attempt).bind(line.detail);
        query.execute(&mut self.connection).await.map(drop)
    }

    async fn put_stopped(&mut self, stopped: Option<&Stopped>) -> Result<(), Failed> {
        let query = match stopped {
            Some(stopped) => {
                let text = serde_json::to_string(stopped).expect("a number and a text");
                sqlx::query("INSERT OR REPLACE INTO site_wide (key, value) VALUES ('stopped', ?)").bind(text)
            }
            None => sqlx::query("DELETE FROM site_wide WHERE key = 'stopped'"),
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
        // The log of the database must not keep them; in the file itself `secure_delete` wrote over them.
        self.run("PRAGMA wal_checkpoint(TRUNCATE)").await
    }

    async fn change_token(&mut self, change: &TokenChange) -> Result<bool, Failed> {
        tokens::apply(&mut self.connection, change).await
    }

    async fn append_audit(&mut self, line: &AuditLine) -> Result<(), Failed> {
        audit::insert(&mut self.connection, line).await
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

    async fn events(&mut self, mac: Option<Mac>, limit: u32) -> Result<Vec<StoredEvent>, Failed> {
        let select =
            "SELECT at, mac, kind, state, detail FROM event WHERE ?1 IS NULL OR mac = ?1 ORDER BY id DESC LIMIT ?2";
        let query = sqlx::query(select).bind(mac.map(|mac| mac.to_string())).bind(limit);
        let rows = query.fetch_all(&mut self.connection).await?;
        let event = |row: &sqlx::sqlite::SqliteRow| {
            let mac: String = row.get(1);
            Some(StoredEvent {
                at: u64::try_from(row.get::<i64, _>(0)).ok()?,
                mac: mac.parse().ok()?,
                kind: row.get(2),
                state: row.get(3),
                detail: row.get(4),
            })
        };
        Ok(rows.iter().rev().filter_map(event).collect())
    }

    async fn backup(&mut self, with_open_secrets: bool) -> Result<Vec<u8>, String> {
        backup::copy(&mut self.connection, &self.directory, with_open_secrets).await
    }

    async fn close(self) -> Result<(), Failed> {
        self.connection.close().await
    }
}

/// The connection that reads; in WAL mode it waits for no commit.
pub(super) struct SqliteReading {
    connection: SqliteConnection,
}

impl SqliteReading {
    /// Opens the second connection to a store that is open already.
    pub async fn open(directory: &Path) -> Result<Self, Failed> {
        let options = SqliteConnectOptions::new().filename(directory.join(open::FILE)).read_only(true);
        let connection = options.pragma("trusted_schema", "OFF").disable_statement_logging().connect().await?;
        Ok(Self { connection })
    }
}

impl Reading for SqliteReading {
    async fn event_page(&mut self, page: EventPage) -> Result<Vec<NumberedEvent>, Failed> {
        reader::events(&mut self.connection, page).await
    }

    async fn tokens(&mut self) -> Result<Vec<StoredToken>, Failed> {
        tokens::read(&mut self.connection).await
    }

    async fn timeline(&mut self, query: &TimelineQuery) -> Result<Page, Failed> {
        timeline::read(&mut self.connection, query).await
    }

    async fn close(self) {
        let _ = self.connection.close().await;
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
