//! The only thing that remembers. SQLite in WAL mode with `synchronous = FULL`: an answer that leaves rackstart was on
//! the disk before. One writer task commits waiting changes together, so durability costs a storm little.

mod anchor;
mod audit;
mod change;
mod open;
mod record;
mod timeline;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, RwLock};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use audit::AuditFilter;
pub use change::{Change, LogLine};
pub use open::OpenError;
pub use record::{Frozen, Installed, Record};
pub use timeline::TimelineQuery;

use crate::audit::{AuditLine, Order};
use crate::lifecycle::{BootToken, Refused};
use crate::site::Mac;
use crate::timeline::{Moment, Page};
use anchor::Anchor;

/// How many changes may wait for the writer before callers wait too.
const QUEUE: usize = 256;

/// A handle; clones share the store.
#[derive(Clone)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    view: View,
    anchor: Anchor,
}

type View = Arc<RwLock<HashMap<Mac, Record>>>;

enum Command {
    Change { mac: Mac, change: Change, order: Option<Order>, reply: oneshot::Sender<Result<Record, Refused>> },
    Audit { order: Order, reply: oneshot::Sender<u64> },
    AuditLines { filter: AuditFilter, reply: oneshot::Sender<Vec<AuditLine>> },
    Events { mac: Option<Mac>, limit: u32, reply: oneshot::Sender<Vec<StoredEvent>> },
    Keep { moments: Vec<Moment>, reply: oneshot::Sender<()> },
    Timeline { query: TimelineQuery, reply: oneshot::Sender<Page> },
}

/// One line of the event log as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct StoredEvent {
    /// Unix seconds.
    pub at: u64,
    /// Which node.
    pub mac: Mac,
    /// What happened, one word.
    pub kind: String,
    /// The state after it.
    pub state: String,
    /// In words.
    pub detail: String,
}

/// Why a change did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The lifecycle refuses it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store stopped, so nothing may be acknowledged any more.
    #[error("the store has stopped: the daemon is going down")]
    Stopped,
}

impl Store {
    /// Opens the store below `directory`, making it when it does not exist, and starts its writer. The task ends with
    /// an error when a commit fails; the daemon must then stop, never retry (an fsync that failed once may lie next time).
    pub async fn open(directory: &Path) -> Result<(Self, JoinHandle<Result<(), sqlx::Error>>), OpenError> {
        let open::Opened { connection, records, lock, anchor, head } = open::open(directory).await?;
        let view: View = Arc::new(RwLock::new(records));
        let (commands, queue) = mpsc::channel(QUEUE);
        let ledger = audit::Ledger::new(head, anchor.clone());
        let writer = writer::run(connection, queue, view.clone(), ledger);
        let task = tokio::spawn(async move {
            let outcome = writer.await;
            drop(lock); // only now may another daemon open this store
            outcome
        });
        Ok((Self { commands, view, anchor }, task))
    }

    /// Makes a change durable, then returns the record after it.
    pub async fn change(&self, mac: Mac, change: Change) -> Result<Record, ChangeError> {
        self.send(mac, change, None).await
    }

    /// The same on somebody's order: the audit log tells it in the same transaction, a refusal too.
    pub async fn change_as(&self, mac: Mac, change: Change, order: Order) -> Result<Record, ChangeError> {
        self.send(mac, change, Some(order)).await
    }

    async fn send(&self, mac: Mac, change: Change, order: Option<Order>) -> Result<Record, ChangeError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Change { mac, change, order, reply };
        self.commands.send(command).await.map_err(|_| ChangeError::Stopped)?;
        Ok(answer.await.map_err(|_| ChangeError::Stopped)??)
    }

    /// Returns the newest `limit` events, oldest first.
    pub async fn events(&self, mac: Option<Mac>, limit: u32) -> Vec<StoredEvent> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Events { mac, limit, reply }).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Adds moments to the timelines; returns when they are on the disk. A store that stopped has lost them.
    pub async fn keep(&self, moments: Vec<Moment>) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Keep { moments, reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Returns a piece of a timeline; empty when the store has stopped.
    pub async fn timeline(&self, query: TimelineQuery) -> Page {
        let (reply, page) = oneshot::channel();
        let nothing = Page { moments: Vec::new(), next: query.after };
        if self.commands.send(Command::Timeline { query, reply }).await.is_err() {
            return nothing;
        }
        page.await.unwrap_or(nothing)
    }

    /// Returns what is known of a node.
    pub fn record(&self, mac: Mac) -> Option<Record> {
        self.view.read().expect("no holder of this lock panics").get(&mac).cloned()
    }

    /// Finds the node whose current boot owns a token.
    pub fn owner(&self, token: &BootToken) -> Option<Mac> {
        let hash = token.hash();
        let view = self.view.read().expect("no holder of this lock panics");
        let owns = |record: &Record| {
            let attempt = record.state.attempt();
            attempt.is_some_and(|a| a.newest_boot.as_ref() == Some(&hash) || a.redeemed_by.as_ref() == Some(&hash))
        };
        view.iter().find(|(_, record)| owns(record)).map(|(mac, _)| *mac)
    }
}

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod tests;
