//! The only thing that remembers. SQLite in WAL mode with `synchronous = FULL`: an answer that leaves rackstart was on
//! the disk before. One writer task commits waiting changes together, so durability costs a storm little.

mod anchor;
mod aside;
mod audit;
mod backup;
mod batch;
mod carry;
mod change;
mod database;
mod former;
mod memory;
mod open;
mod place;
mod private;
mod reader;
mod record;
mod rekey;
mod restore;
mod seal;
mod secret_rows;
mod secrets;
mod sqlite;
mod timeline;
mod tokens;
mod writer;

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, RwLock};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use aside::{Aside, KEPT_DAYS, list as set_aside};
pub use audit::AuditFilter;
pub use backup::BackupError;
pub use carry::Passwords;
pub use change::{Change, LogLine};
pub use former::Former;
pub use memory::{Draft, Memory, OrderRefused, Orders, Write};
pub use open::OpenError;
pub use private::write_private;
pub use reader::{EventPage, NumberedEvent};
pub use record::{Frozen, Installed, Record};
pub use restore::{Restored, restore};
pub use secrets::{Kept, Origin, SecretsError};
pub use timeline::TimelineQuery;
pub use tokens::{StoredToken, TokenChange};

use crate::audit::{AuditLine, Order};
use crate::lifecycle::{BootToken, Refused, Stopped};
use crate::site::Mac;
use crate::timeline::{Moment, Page};
use anchor::Anchor;
use sqlite::SqliteReading;

/// How many changes may wait for the writer before callers wait too.
const QUEUE: usize = 256;

/// A handle; clones share the store.
#[derive(Clone)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    questions: mpsc::Sender<reader::Question>,
    view: View,
    logged: watch::Receiver<()>,
    anchor: Anchor,
    vault: secrets::Shared,
    /// Held from reading the secrets to having them in memory again: two changes at once would lose one.
    secrets_change: Arc<tokio::sync::Mutex<()>>,
}

type View = Arc<RwLock<Memory>>;

/// Looks at everything as it is at that very moment and gives orders, or says in words why not.
type Judge = Box<dyn FnOnce(&Draft<'_>, u64) -> Result<Orders, String> + Send>;

enum Command {
    Token { change: TokenChange, order: Order, reply: oneshot::Sender<bool> },
    Change { mac: Mac, change: Change, order: Option<Order>, reply: oneshot::Sender<Result<Record, Refused>> },
    Decide { asked: Order, judge: Judge, reply: oneshot::Sender<Result<Vec<Record>, OrderRefused>> },
    Audit { order: Order, reply: oneshot::Sender<u64> },
    SecretRows { reply: oneshot::Sender<secret_rows::Stored> },
    WriteSecrets { write: secret_rows::SecretWrite, orders: Vec<Order>, reply: oneshot::Sender<()> },
    Backup { with_open_secrets: bool, reply: oneshot::Sender<Result<Vec<u8>, String>> },
    AuditLines { filter: AuditFilter, reply: oneshot::Sender<Vec<AuditLine>> },
    Events { mac: Option<Mac>, limit: u32, reply: oneshot::Sender<Vec<StoredEvent>> },
    Keep { moments: Vec<Moment>, reply: oneshot::Sender<()> },
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

/// Why a decision changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecideError<R> {
    /// The judge refused.
    Judged(R),
    /// The lifecycle refused one of its orders.
    Refused(OrderRefused),
    /// The store stopped, so nothing may be acknowledged any more.
    Stopped,
}

impl Store {
    /// Opens the store below `directory`, making it when it does not exist, and starts its writer. The task ends with
    /// an error when a commit fails; the daemon must then stop, never retry (an fsync that failed once may lie next time).
    pub async fn open(directory: &Path) -> Result<(Self, JoinHandle<Result<(), sqlx::Error>>), OpenError> {
        let open::Opened { database, memory, lock, anchor, head } = open::open(directory).await?;
        let view: View = Arc::new(RwLock::new(memory));
        let (commands, queue) = mpsc::channel(QUEUE);
        let vault = secrets::Shared::default();
        let (questions, asked) = mpsc::channel(QUEUE);
        let reading = SqliteReading::open(directory).await;
        let reading = reading.map_err(|error| OpenError::Damaged { path: directory.into(), why: error.to_string() })?;
        let reader = tokio::spawn(reader::run(reading, asked));
        let (logs, logged) = watch::channel(());
        let ledger = audit::Ledger::new(head, anchor.clone());
        let others = writer::Others { reader, logs };
        let writer = writer::run(database, queue, view.clone(), vault.clone(), ledger, others);
        let task = tokio::spawn(async move {
            let outcome = writer.await;
            drop(lock); // only now may another daemon open this store
            outcome
        });
        let secrets_change = Arc::default();
        Ok((Self { commands, questions, view, logged, anchor, vault, secrets_change }, task))
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

    /// Decides on everything at once and makes the decision durable; no other change comes between. `judge` gets the
    /// memory and the time, and returns orders or its own refusal. The records are those of the orders, in their order.
    /// The audit log tells what was `asked` when it is refused, and the lines of the orders when they are followed.
    pub async fn decide<R: Display + Send + 'static>(
        &self,
        asked: Order,
        judge: impl FnOnce(&Draft<'_>, u64) -> Result<Orders, R> + Send + 'static,
    ) -> Result<Vec<Record>, DecideError<R>> {
        let (reply, answer) = oneshot::channel();
        let (no, mut said) = oneshot::channel();
        let judge: Judge = Box::new(move |draft, now| {
            judge(draft, now).map_err(|refusal| {
                let words = refusal.to_string();
                let _ = no.send(refusal);
                words
            })
        });
        self.commands.send(Command::Decide { asked, judge, reply }).await.map_err(|_| DecideError::Stopped)?;
        match answer.await {
            Ok(outcome) => outcome.map_err(DecideError::Refused),
            Err(_) => said.try_recv().map_or(Err(DecideError::Stopped), |refusal| Err(DecideError::Judged(refusal))),
        }
    }

    /// Returns the newest `limit` events, oldest first.
    pub async fn events(&self, mac: Option<Mac>, limit: u32) -> Vec<StoredEvent> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Events { mac, limit, reply }).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Returns what is marked as changed whenever the event log has grown.
    pub fn logged(&self) -> watch::Receiver<()> {
        self.logged.clone()
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
        let nothing = Page { moments: Vec::new(), next: query.after };
        self.ask(|reply| reader::Question::Timeline(query, reply)).await.unwrap_or(nothing)
    }

    /// Returns what is known of a node.
    pub fn record(&self, mac: Mac) -> Option<Record> {
        self.view.read().expect("no holder of this lock panics").nodes.get(&mac).cloned()
    }

    /// Since when, and by whom, all installations are stopped; none while they are not.
    pub fn stopped(&self) -> Option<Stopped> {
        self.view.read().expect("no holder of this lock panics").stopped.clone()
    }

    /// Finds the node that a token may speak for.
    pub fn owner(&self, token: &BootToken) -> Option<Mac> {
        self.view.read().expect("no holder of this lock panics").owner(token)
    }

    /// Looks at everything as it is now, without changing it.
    pub fn look<T>(&self, look: impl FnOnce(&Draft<'_>) -> T) -> T {
        look(&Draft::on(&self.view.read().expect("no holder of this lock panics")))
    }
}

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod restore_forbids_tests;
#[cfg(test)]
mod restore_tests;
#[cfg(test)]
mod tests;
