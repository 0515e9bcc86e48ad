//! The one task that writes. Waiting changes share a transaction (group commit); nobody is answered before the commit.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::audit::Ledger;
use super::batch::{Batch, Done, Lookup};
use super::database::{Database, Failed};
use super::room::NoRoom;
use super::{ChangeError, Command, View, secrets};
use crate::clock::{Stamp, stamp, unix_now};

/// The largest number of changes in one transaction.
const BATCH: usize = 64;
/// How often a full disk is checked for room again.
const LOOK: Duration = Duration::from_secs(1);

/// What the writer shares with others.
pub(super) struct Published {
    /// What is known as of the last commit.
    pub view: View,
    /// The values that are removed from texts.
    pub vault: secrets::Shared,
    /// Notified when the event log has grown.
    pub logs: watch::Sender<()>,
    /// Since when there has been no room.
    pub room: watch::Sender<Option<NoRoom>>,
}

/// Executes commands until every handle is gone, and then returns the database to be closed; fails when a write fails
/// for any reason other than a full disk.
pub(super) async fn run<D: Database>(
    database: D,
    mut queue: mpsc::Receiver<Command>,
    ledger: Ledger,
    published: Published,
) -> Result<D, Failed> {
    let mut writer = Writer { database, ledger, published, to_forget: false };
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        let looks = writer.published.room.borrow().is_some();
        tokio::select! {
            biased;
            count = queue.recv_many(&mut waiting, BATCH) => {
                if count == 0 {
                    return Ok(writer.database);
                }
                writer.serve(std::mem::take(&mut waiting)).await?;
            }
            () = tokio::time::sleep(LOOK), if looks => writer.look_for_room().await?,
        }
    }
}

struct Writer<D> {
    database: D,
    ledger: Ledger,
    published: Published,
    /// Whether a secret was replaced whose former value may still be somewhere in the files.
    to_forget: bool,
}

impl<D: Database> Writer<D> {
    async fn serve(&mut self, commands: Vec<Command>) -> Result<(), Failed> {
        let at = stamp();
        let now = at.seconds;
        let redactor = self.published.vault.read().expect("no holder of this lock panics").redactor();
        let mut batch = {
            let memory = self.published.view.read().expect("no holder of this lock panics");
            Batch::of(&memory, commands, &redactor, now)
        };
        let (answers, lookups) = (std::mem::take(&mut batch.answers), std::mem::take(&mut batch.lookups));
        let outcome = if batch.is_to_write() { self.commit(batch, at).await } else { Ok(Done::default()) };
        let said = match &outcome {
            Ok(done) => Ok(done),
            Err(error) if self.database.is_full(error) => {
                self.full(now);
                Err(ChangeError::NoRoom)
            }
            Err(_) => return outcome.map(drop),
        };
        for answer in answers {
            answer(said.clone());
        }
        for lookup in lookups {
            self.answer(lookup).await?;
        }
        if said.is_ok() {
            self.published.logs.send_replace(());
        }
        Ok(())
    }

    /// Commits the whole batch durably, or nothing of it.
    async fn commit(&mut self, batch: Batch, at: Stamp) -> Result<Done, Failed> {
        let before = self.ledger.mark();
        let (fresh, replaces) = (batch.fresh.clone(), !batch.secrets.is_empty());
        let done = match self.write(batch, at).await {
            Ok(done) => done,
            Err(error) => {
                self.ledger.back_to(before);
                if self.database.is_full(&error) {
                    self.database.rollback().await?;
                }
                return Err(error);
            }
        };
        self.published.view.write().expect("no holder of this lock panics").take(fresh);
        // If this finds no room, the changes are valid but nobody is told so; the next commit makes up for it.
        self.ledger.publish().await?;
        self.to_forget |= replaces;
        if self.to_forget {
            self.to_forget = match self.database.forget_replaced().await {
                Err(error) if self.database.is_full(&error) => true,
                other => other.map(|()| false)?,
            };
        }
        Ok(done)
    }

    async fn write(&mut self, batch: Batch, at: Stamp) -> Result<Done, Failed> {
        let Self { database, ledger, published, .. } = self;
        let (mut done, now) = (Done::default(), at.seconds);
        database.begin().await?;
        database.put_nodes(&batch.writes, at).await?;
        if let Some(stopped) = &batch.fresh.1 {
            database.put_stopped(stopped.as_ref()).await?;
        }
        for write in batch.secrets {
            database.put_secrets(write).await?;
        }
        for (change, order) in batch.tokens {
            let changed = database.change_token(&change).await?;
            let words = if changed { "done" } else { "refused: there is nothing to change" };
            ledger.append(database, now, &[(order, words.into())]).await?;
            done.tokens.push(changed);
        }
        done.audit = ledger.append(database, now, &batch.audit).await?;
        if !batch.moments.is_empty() {
            let is_known = |mac| published.view.read().expect("no holder of this lock panics").nodes.contains_key(&mac);
            database.add_moments(&batch.moments, now, is_known).await?;
        }
        ledger.prepare().await?;
        database.commit().await?;
        Ok(done)
    }

    async fn answer(&mut self, lookup: Lookup) -> Result<(), Failed> {
        let database = &mut self.database;
        match lookup {
            Lookup::Secrets { reply } => drop(reply.send(database.secrets().await?)),
            Lookup::Backup { with_open_secrets, reply } => {
                drop(reply.send(database.backup(with_open_secrets).await));
            }
            Lookup::Audit { filter, reply } => drop(reply.send(database.audit_lines(&filter).await?)),
        }
        Ok(())
    }

    fn full(&mut self, now: u64) {
        if self.published.room.borrow().is_none() {
            self.published.room.send_replace(Some(NoRoom { since: now }));
            tracing::error!("{}", super::NO_ROOM);
        }
    }

    /// Checks whether a change finds room again.
    async fn look_for_room(&mut self) -> Result<(), Failed> {
        match self.database.tries_to_write().await {
            Ok(true) => {
                let since = self.published.room.send_replace(None).map_or(0, |full| full.since);
                let seconds = unix_now().saturating_sub(since);
                tracing::warn!(seconds, "the disk has room again: changes are accepted");
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(error) if self.database.is_full(&error) => self.database.rollback().await,
            Err(error) => Err(error),
        }
    }
}
