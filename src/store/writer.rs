//! The one task that writes. Waiting changes share a transaction (group commit); nobody is answered before the commit.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::audit::{self, Ledger};
use super::batch::{Batch, Lookup};
use super::timeline::Shelf;
use super::{Command, LogLine, Record, StoredEvent, View, backup, secrets, tokens};
use crate::clock::unix_now;
use crate::lifecycle::Stopped;
use crate::site::Mac;

/// Most changes in one transaction.
const BATCH: usize = 64;

/// Who has to do with the writer.
pub(super) struct Others {
    /// Reads on a connection of its own, which has to be closed first: the last one tidies up the log of SQLite.
    pub reader: JoinHandle<()>,
    /// Told when the event log has grown.
    pub logs: watch::Sender<()>,
}

/// Serves commands until every handle is gone, or a write fails.
pub(super) async fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Command>,
    view: View,
    vault: secrets::Shared,
    mut ledger: Ledger,
    others: Others,
) -> Result<(), sqlx::Error> {
    let (mut waiting, mut shelf) = (Vec::with_capacity(BATCH), Shelf::default());
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let batch = std::mem::take(&mut waiting);
        let outcome = commit(&mut connection, &view, &vault, &mut ledger, &mut shelf, batch).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be written: stopping, nothing more is acknowledged");
            return Err(error);
        }
        others.logs.send_replace(());
    }
    let _ = others.reader.await;
    connection.close().await
}

async fn commit(
    connection: &mut SqliteConnection,
    view: &View,
    vault: &secrets::Shared,
    ledger: &mut Ledger,
    shelf: &mut Shelf,
    commands: Vec<Command>,
) -> Result<(), sqlx::Error> {
    let now = unix_now();
    let redactor = vault.read().expect("no holder of this lock panics").redactor();
    let batch = Batch::of(&view.read().expect("no holder of this lock panics"), commands, &redactor, now);
    let (mut appended, mut token_answers) = (Vec::new(), Vec::new());
    let mut transaction = connection.begin().await?;
    for (mac, record, log) in batch.writes {
        write(&mut transaction, mac, &record, log, now).await?;
    }
    if let Some(stopped) = &batch.fresh.1 {
        write_stopped(&mut transaction, stopped.as_ref()).await?;
    }
    let mut replies = Vec::new();
    for (write, reply) in batch.secrets {
        secrets::write(&mut transaction, write).await?;
        replies.push(reply);
    }
    for (change, order, reply) in batch.tokens {
        let changed = tokens::apply(&mut transaction, &change).await?;
        let words = if changed { "done" } else { "refused: there is nothing to change" };
        ledger.append(&mut transaction, now, &order, words).await?;
        token_answers.push((reply, changed));
    }
    for (order, outcome, reply) in batch.audit {
        let id = ledger.append(&mut transaction, now, &order, &outcome).await?;
        appended.extend(reply.map(|reply| (reply, id)));
    }
    for (moments, _) in &batch.kept {
        let is_known = |mac| view.read().expect("no holder of this lock panics").nodes.contains_key(&mac);
        shelf.add(&mut transaction, moments, now, is_known).await?;
    }
    transaction.commit().await?;
    ledger.settle().await?;
    view.write().expect("no holder of this lock panics").take(batch.fresh);
    for answer in batch.answers {
        answer();
    }
    for (reply, changed) in token_answers {
        let _ = reply.send(changed);
    }
    for (reply, id) in appended {
        let _ = reply.send(id);
    }
    if !replies.is_empty() {
        // The log of the database must not keep the values of before.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut *connection).await?;
    }
    for reply in replies {
        let _ = reply.send(());
    }
    for lookup in batch.lookups {
        match lookup {
            Lookup::Events { mac, limit, reply } => drop(reply.send(events(connection, mac, limit).await?)),
            Lookup::Secrets { reply } => drop(reply.send(secrets::rows(connection).await?)),
            Lookup::Backup { with_open_secrets, reply } => {
                drop(reply.send(backup::copy(connection, ledger.directory(), with_open_secrets).await));
            }
            Lookup::Audit { filter, reply } => drop(reply.send(audit::lines(connection, &filter).await?)),
        }
    }
    for (_, reply) in batch.kept {
        let _ = reply.send(());
    }
    Ok(())
}

async fn write_stopped(connection: &mut SqliteConnection, stopped: Option<&Stopped>) -> Result<(), sqlx::Error> {
    let query = match stopped {
        Some(stopped) => {
            let text = serde_json::to_string(stopped).expect("a number and a text");
            sqlx::query("INSERT OR REPLACE INTO site_wide (key, value) VALUES ('stopped', ?)").bind(text)
        }
        None => sqlx::query("DELETE FROM site_wide WHERE key = 'stopped'"),
    };
    query.execute(connection).await.map(drop)
}

pub(super) async fn write(
    connection: &mut SqliteConnection,
    mac: Mac,
    record: &Record,
    log: Option<LogLine>,
    now: u64,
) -> Result<(), sqlx::Error> {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let upsert = "INSERT INTO node (mac, record, updated) VALUES (?, ?, ?) \
                  ON CONFLICT (mac) DO UPDATE SET record = excluded.record, updated = excluded.updated";
    sqlx::query(upsert).bind(mac.to_string()).bind(record.to_text()).bind(now).execute(&mut *connection).await?;
    if let Some(LogLine { kind, detail }) = log {
        let insert = "INSERT INTO event (at, mac, kind, state, attempt, detail) VALUES (?, ?, ?, ?, ?, ?)";
        let attempt = record.state.attempt().map(|attempt| attempt.id.to_string());
        let query = sqlx::query(insert).bind(now).bind(mac.to_string()).bind(kind).bind(record.state.word());
        query.bind(attempt).bind(detail).execute(connection).await?;
    }
    Ok(())
}

async fn events(
    connection: &mut SqliteConnection,
    mac: Option<Mac>,
    limit: u32,
) -> Result<Vec<StoredEvent>, sqlx::Error> {
    let select =
        "SELECT at, mac, kind, state, detail FROM event WHERE ?1 IS NULL OR mac = ?1 ORDER BY id DESC LIMIT ?2";
    let rows = sqlx::query(select).bind(mac.map(|mac| mac.to_string())).bind(limit).fetch_all(connection).await?;
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
