//! The one task that writes. Waiting changes share a transaction (group commit); nobody is answered before the commit.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::{mpsc, oneshot};

use super::{Command, Draft, LogLine, Memory, OrderRefused, Record, StoredEvent, View, Write};
use crate::clock::unix_now;
use crate::lifecycle::{Refused, Stopped};
use crate::site::Mac;

/// Most changes in one transaction.
const BATCH: usize = 64;

/// An answer that waits for the commit. The asker may have hung up; the change holds all the same.
enum Answer {
    One(oneshot::Sender<Result<Record, Refused>>, Result<Record, Refused>),
    Many(oneshot::Sender<Result<Vec<Record>, OrderRefused>>, Result<Vec<Record>, OrderRefused>),
}

impl Answer {
    fn send(self) {
        match self {
            Self::One(reply, answer) => drop(reply.send(answer)),
            Self::Many(reply, answer) => drop(reply.send(answer)),
        }
    }
}

/// Serves commands until every handle is gone, or a write fails.
pub(super) async fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Command>,
    view: View,
) -> Result<(), sqlx::Error> {
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let outcome = commit(&mut connection, &view, std::mem::take(&mut waiting)).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be written: stopping, nothing more is acknowledged");
            return Err(error);
        }
    }
    connection.close().await
}

async fn commit(connection: &mut SqliteConnection, view: &View, commands: Vec<Command>) -> Result<(), sqlx::Error> {
    let now = unix_now();
    let (done, fresh, lookups) = work_out(&view.read().expect("no holder of this lock panics"), commands, now);
    let mut transaction = connection.begin().await?;
    for (mac, record, log) in done.writes {
        write(&mut transaction, mac, &record, log, now).await?;
    }
    if let Some(stopped) = &fresh.1 {
        write_stopped(&mut transaction, stopped.as_ref()).await?;
    }
    transaction.commit().await?;
    view.write().expect("no holder of this lock panics").take(fresh);
    for answer in done.answers {
        answer.send();
    }
    for (mac, limit, reply) in lookups {
        let _ = reply.send(events(connection, mac, limit).await?);
    }
    Ok(())
}

type Fresh = (HashMap<Mac, Record>, Option<Option<Stopped>>);
type Lookup = (Option<Mac>, u32, oneshot::Sender<Vec<StoredEvent>>);

/// What one batch of commands comes to.
#[derive(Default)]
struct Done {
    writes: Vec<Write>,
    answers: Vec<Answer>,
}

/// Every command in its order, each on what those before it left. Nothing is durable or answered yet.
fn work_out(memory: &Memory, commands: Vec<Command>, now: u64) -> (Done, Fresh, Vec<Lookup>) {
    let (mut draft, mut done, mut lookups) = (Draft::on(memory), Done::default(), Vec::new());
    for command in commands {
        match command {
            Command::Change { mac, change, reply } => {
                let outcome = draft.change(mac, &change, now).map(|write| {
                    done.writes.push(write.clone());
                    write.1
                });
                done.answers.push(Answer::One(reply, outcome));
            }
            Command::Decide { judge, reply } => {
                // A judge that refuses has told its asker; dropping `reply` lets the asker look.
                let Some(orders) = judge(&draft, now) else { continue };
                let outcome = draft.obey(&orders, now).map(|writes| {
                    done.writes.extend(writes.iter().cloned());
                    writes.into_iter().map(|(_, record, _)| record).collect()
                });
                done.answers.push(Answer::Many(reply, outcome));
            }
            Command::Events { mac, limit, reply } => lookups.push((mac, limit, reply)),
        }
    }
    (done, draft.into_parts(), lookups)
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

async fn write(
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
