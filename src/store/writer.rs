//! The one task that writes. Waiting changes share a transaction (group commit); nobody is answered before the commit.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::{mpsc, oneshot};

use super::audit::{self, Ledger};
use super::change::Changed;
use super::timeline::{self, Shelf};
use super::{Change, Command, LogLine, Record, StoredEvent, View};
use crate::audit::{Actor, Order};
use crate::clock::unix_now;
use crate::lifecycle::Refused;
use crate::site::Mac;

/// Most changes in one transaction.
const BATCH: usize = 64;

type Answer = (oneshot::Sender<Result<Record, Refused>>, Result<Record, Refused>);

/// Serves commands until every handle is gone, or a write fails.
pub(super) async fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Command>,
    view: View,
    mut ledger: Ledger,
) -> Result<(), sqlx::Error> {
    let (mut waiting, mut shelf) = (Vec::with_capacity(BATCH), Shelf::default());
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let outcome = commit(&mut connection, &view, &mut ledger, &mut shelf, std::mem::take(&mut waiting)).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be written: stopping, nothing more is acknowledged");
            return Err(error);
        }
    }
    connection.close().await
}

async fn commit(
    connection: &mut SqliteConnection,
    view: &View,
    ledger: &mut Ledger,
    shelf: &mut Shelf,
    commands: Vec<Command>,
) -> Result<(), sqlx::Error> {
    let now = unix_now();
    let mut fresh: HashMap<Mac, Record> = HashMap::new();
    let mut answers: Vec<Answer> = Vec::new();
    let mut appended = Vec::new();
    let mut lookups = Vec::new();
    let mut audit_lookups = Vec::new();
    let (mut kept, mut timelines) = (Vec::new(), Vec::new());
    let mut transaction = connection.begin().await?;
    for command in commands {
        match command {
            Command::Change { mac, change, order, reply } => {
                let stored = || view.read().expect("no holder of this lock panics").get(&mac).cloned();
                let before = fresh.get(&mac).cloned().or_else(stored).unwrap_or_else(|| Record::new(now));
                let outcome = change.work_on(mac, &before, now);
                if let Some(order) = order {
                    let words =
                        outcome.as_ref().map_or_else(|refused| format!("refused: {refused}"), |_| "done".into());
                    ledger.append(&mut transaction, now, &order, &words).await?;
                }
                if let Some(spent) = outcome.as_ref().ok().and_then(|changed| spent(mac, &change, &before, changed)) {
                    ledger.append(&mut transaction, now, &spent, "done").await?;
                }
                match outcome {
                    Ok(Changed { record, log }) => {
                        write(&mut transaction, mac, &record, log, now).await?;
                        fresh.insert(mac, record.clone());
                        answers.push((reply, Ok(record)));
                    }
                    Err(refused) => answers.push((reply, Err(refused))),
                }
            }
            Command::Audit { order, reply } => {
                appended.push((reply, ledger.append(&mut transaction, now, &order, "done").await?));
            }
            Command::AuditLines { filter, reply } => audit_lookups.push((filter, reply)),
            Command::Events { mac, limit, reply } => lookups.push((mac, limit, reply)),
            Command::Keep { moments, reply } => {
                let is_known = |mac| view.read().expect("no holder of this lock panics").contains_key(&mac);
                shelf.add(&mut transaction, &moments, now, is_known).await?;
                kept.push(reply);
            }
            Command::Timeline { query, reply } => timelines.push((query, reply)),
        }
    }
    transaction.commit().await?;
    ledger.settle().await?;
    view.write().expect("no holder of this lock panics").extend(fresh);
    for (reply, answer) in answers {
        let _ = reply.send(answer); // the asker may have hung up; the change holds all the same
    }
    for (reply, id) in appended {
        let _ = reply.send(id);
    }
    for (filter, reply) in audit_lookups {
        let _ = reply.send(audit::lines(connection, &filter).await?);
    }
    for (mac, limit, reply) in lookups {
        let _ = reply.send(events(connection, mac, limit).await?);
    }
    for reply in kept {
        let _ = reply.send(());
    }
    for (query, reply) in timelines {
        let _ = reply.send(timeline::read(connection, &query).await?);
    }
    Ok(())
}

/// The audit line of a wipe permit that is spent by this change. It moves the anchor, so that an older copy of the
/// database, in which the permit is unspent, is known for what it is.
fn spent(mac: Mac, change: &Change, before: &Record, after: &Changed) -> Option<Order> {
    let Change::Redeem { words, .. } = change else { return None };
    let attempt = after.record.state.attempt().filter(|_| before.state != after.record.state)?;
    let order = Order::new(&Actor::node(mac, "its own address"), "wipe-permit", mac);
    Some(order.detail(format!("attempt {}: the storage commands left for disk {words}", attempt.id)))
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
