//! The one task that writes. Waiting changes share a transaction (group commit); nobody is answered before the commit.

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::audit::Ledger;
use super::batch::{Batch, Lookup};
use super::database::{Database, Failed};
use super::{Command, View, secrets};
use crate::clock::{Stamp, stamp};

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
pub(super) async fn run<D: Database>(
    mut database: D,
    mut queue: mpsc::Receiver<Command>,
    view: View,
    vault: secrets::Shared,
    mut ledger: Ledger,
    others: Others,
) -> Result<(), Failed> {
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let batch = std::mem::take(&mut waiting);
        let outcome = commit(&mut database, &view, &vault, &mut ledger, batch).await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be written: stopping, nothing more is acknowledged");
            return Err(error);
        }
        others.logs.send_replace(());
    }
    let _ = others.reader.await;
    database.close().await
}

async fn commit<D: Database>(
    database: &mut D,
    view: &View,
    vault: &secrets::Shared,
    ledger: &mut Ledger,
    commands: Vec<Command>,
) -> Result<(), Failed> {
    let at = stamp();
    let Stamp { seconds: now, .. } = at;
    let redactor = vault.read().expect("no holder of this lock panics").redactor();
    let batch = Batch::of(&view.read().expect("no holder of this lock panics"), commands, &redactor, now);
    let (mut appended, mut token_answers) = (Vec::new(), Vec::new());
    database.begin().await?;
    for (mac, record, log) in batch.writes {
        database.put_node(mac, &record, now).await?;
        if let Some(line) = log {
            database.log(mac, &record, line, at).await?;
        }
    }
    if let Some(stopped) = &batch.fresh.1 {
        database.put_stopped(stopped.as_ref()).await?;
    }
    let mut replies = Vec::new();
    for (write, reply) in batch.secrets {
        database.put_secrets(write).await?;
        replies.push(reply);
    }
    for (change, order, reply) in batch.tokens {
        let changed = database.change_token(&change).await?;
        let words = if changed { "done" } else { "refused: there is nothing to change" };
        ledger.append(database, now, &order, words).await?;
        token_answers.push((reply, changed));
    }
    for (order, outcome, reply) in batch.audit {
        let id = ledger.append(database, now, &order, &outcome).await?;
        appended.extend(reply.map(|reply| (reply, id)));
    }
    for (moments, _) in &batch.kept {
        let is_known = |mac| view.read().expect("no holder of this lock panics").nodes.contains_key(&mac);
        database.add_moments(moments, now, is_known).await?;
    }
    database.commit().await?;
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
        database.forget_replaced().await?;
    }
    for reply in replies {
        let _ = reply.send(());
    }
    for lookup in batch.lookups {
        match lookup {
            Lookup::Events { mac, limit, reply } => drop(reply.send(database.events(mac, limit).await?)),
            Lookup::Secrets { reply } => drop(reply.send(database.secrets().await?)),
            Lookup::Backup { with_open_secrets, reply } => {
                drop(reply.send(database.backup(with_open_secrets).await));
            }
            Lookup::Audit { filter, reply } => drop(reply.send(database.audit_lines(&filter).await?)),
        }
    }
    for (_, reply) in batch.kept {
        let _ = reply.send(());
    }
    Ok(())
}
