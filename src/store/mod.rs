//! The only module that remembers anything. SQLite in WAL mode with `synchronous = FULL`: what rackstart acknowledges
//! was on the disk before. One writer task commits waiting changes together, so durability costs little even under a
//! storm of requests.

mod anchor;
mod aside;
mod audit;
mod backup;
mod batch;
mod carry;
mod change;
mod damage;
mod database;
mod earlier;
mod former;
mod memory;
mod meta;
mod open;
mod place;
mod private;
mod reader;
mod record;
mod records;
mod rekey;
mod restore;
mod room;
mod seal;
mod secret_rows;
mod secrets;
mod sessions;
mod signed;
mod sqlite;
mod sums;
mod timeline;
mod tokens;
mod writer;

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, RwLock};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) use aside::{KEPT_DAYS, list as set_aside};
pub use audit::AuditFilter;
pub(crate) use backup::BackupError;
pub(crate) use carry::Passwords;
pub use change::Change;
pub use damage::{DAMAGED, Damage};

pub(crate) use memory::{Draft, Memory};
pub use memory::{OrderRefused, Orders};
pub use open::OpenError;
pub(crate) use open::{exists, is_in_use};
pub(crate) use private::write_private;
pub use reader::{EventPage, NumberedEvent};
pub(crate) use record::Installed;
pub use record::Record;
pub(crate) use restore::{Restored, restore};
pub(crate) use room::NoRoom;
pub(crate) use secrets::Origin;
pub use secrets::SecretsError;
pub use sessions::StoredSession;
pub use timeline::TimelineQuery;
pub use tokens::{StoredToken, TokenChange};

use crate::audit::{AuditLine, Order};
use crate::lifecycle::{BootToken, Refused, Stopped};
use crate::site::Mac;
use crate::timeline::{Moment, Page};
use anchor::Anchor;
use database::{Database, Failed};
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
    room: watch::Receiver<Option<NoRoom>>,
    anchor: Anchor,
    vault: secrets::Shared,
    /// Held from reading the secrets until they are in memory again: of two concurrent changes, one would be lost.
    secrets_change: Arc<tokio::sync::Mutex<()>>,
}

type View = Arc<RwLock<Memory>>;

/// Looks at everything as it is at that moment and returns orders, or says why there are none.
type Judge = Box<dyn FnOnce(&Draft<'_>, u64) -> Result<Orders, String> + Send>;

/// Where the answer to a change is sent. Whatever writes may find no room, and then nothing of it happened.
type Reply<T> = oneshot::Sender<Result<T, ChangeError>>;

enum Command {
    Token { change: TokenChange, order: Order, reply: Reply<bool> },
    Change { mac: Mac, change: Change, order: Option<Order>, reply: Reply<Result<Record, Refused>> },
    ChangeAll { changes: Vec<(Mac, Change, Order)>, reply: Reply<Vec<Result<Record, Refused>>> },
    Decide { asked: Order, judge: Judge, reply: Reply<Result<Vec<Record>, OrderRefused>> },
    Audit { order: Order, reply: Reply<u64> },
    WriteSecrets { write: secret_rows::SecretWrite, orders: Vec<Order>, reply: Reply<()> },
    Keep { moments: Vec<Moment>, reply: Reply<()> },
    SecretRows { reply: oneshot::Sender<secret_rows::Stored> },
    Backup { with_open_secrets: bool, reply: oneshot::Sender<Result<Vec<u8>, String>> },
    AuditLines { filter: AuditFilter, reply: oneshot::Sender<Vec<AuditLine>> },
}

/// Why a change did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The lifecycle refuses it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The disk is full. Nothing happened, and the caller may try again.
    #[error("{NO_ROOM}")]
    NoRoom,
    /// A question could not be answered; the log says why.
    #[error("the store could not be read: the daemon's log says why")]
    Unreadable,
    /// The store stopped, so nothing may be acknowledged any more.
    #[error("the store has stopped: the daemon is going down")]
    Stopped,
}

/// The text for callers whose change found no room on the disk.
pub(crate) const NO_ROOM: &str = "the disk of rackstart's server is full, so nothing that changes a state is accepted until there is \
                           room below `server.state`; then it goes on by itself";

/// Why a decision changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecideError<R> {
    /// The decision itself was a refusal.
    Judged(R),
    /// The lifecycle refused one of its orders.
    Refused(OrderRefused),
    /// The store gave no answer.
    Store(ChangeError),
}

impl Store {
    /// Opens the store below `directory`, creating it if it does not exist, and starts its writer. The task ends with
    /// an error when a commit fails; the daemon must then stop and never retry, because an fsync that failed once may
    /// falsely report success the next time.
    pub async fn open(directory: &Path) -> Result<(Self, JoinHandle<Result<(), sqlx::Error>>), OpenError> {
        let open::Opened { database, memory, lock, anchor, head } = open::open(directory).await?;
        let view: View = Arc::new(RwLock::new(memory));
        let (commands, queue) = mpsc::channel(QUEUE);
        let vault = secrets::Shared::default();
        let (questions, asked) = mpsc::channel(QUEUE);
        let reading = SqliteReading::open(directory).await;
        let reading = reading.map_err(|error| OpenError::of(error, directory, directory))?;
        let reader = tokio::spawn(reader::run(reading, asked));
        let (logs, logged) = watch::channel(());
        let (room, has_room) = watch::channel(None);
        let ledger = audit::Ledger::new(head, anchor.clone());
        let published = writer::Published { view: view.clone(), vault: vault.clone(), logs, room };
        let writer = writer::run(database, queue, ledger, published);
        let task = tokio::spawn(async move {
            let outcome = both(reader, writer).await;
            if let Err(error) = &outcome {
                tracing::error!(%error, "the store failed: stopping, nothing more is acknowledged");
            }
            drop(lock); // only now may another daemon open this store
            outcome
        });
        let secrets_change = Arc::default();
        Ok((Self { commands, questions, view, logged, room: has_room, anchor, vault, secrets_change }, task))
    }

    /// Makes a change durable, then returns the record after it.
    pub async fn change(&self, mac: Mac, change: Change) -> Result<Record, ChangeError> {
        self.send(mac, change, None).await
    }

    /// Like [`Self::change`], on somebody's order: the audit log records it in the same transaction, even when it is
    /// refused.
    pub async fn change_as(&self, mac: Mac, change: Change, order: Order) -> Result<Record, ChangeError> {
        self.send(mac, change, Some(order)).await
    }

    /// Like [`Self::change_as`] for many nodes, in one transaction. Each change is accepted or refused for itself.
    pub async fn change_all(
        &self,
        changes: Vec<(Mac, Change, Order)>,
    ) -> Result<Vec<Result<Record, Refused>>, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::ChangeAll { changes, reply }).await?;
        answered(answer).await
    }

    async fn send(&self, mac: Mac, change: Change, order: Option<Order>) -> Result<Record, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Change { mac, change, order, reply }).await?;
        Ok(answered(answer).await??)
    }

    /// Decides on the basis of everything at once and makes the decision durable; no other change comes between.
    /// `judge` gets the memory and the time, and returns orders or its own refusal. The records are those of the
    /// orders, in order. The audit log records what was `asked` when it is refused, and the lines of the orders when
    /// they are carried out.
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
        self.tell(Command::Decide { asked, judge, reply }).await.map_err(DecideError::Store)?;
        match answered(answer).await {
            Ok(outcome) => outcome.map_err(DecideError::Refused),
            Err(ChangeError::Stopped) => {
                let stopped = DecideError::Store(ChangeError::Stopped);
                Err(said.try_recv().map_or(stopped, DecideError::Judged))
            }
            Err(lost) => Err(DecideError::Store(lost)),
        }
    }

    /// Returns a receiver that is marked as changed whenever the event log has grown.
    pub(crate) fn logged(&self) -> watch::Receiver<()> {
        self.logged.clone()
    }

    /// Adds moments to the timelines; returns when they are on the disk. Moments that cannot be stored are lost.
    pub async fn keep(&self, moments: Vec<Moment>) -> Result<(), ChangeError> {
        let (reply, done) = oneshot::channel();
        self.tell(Command::Keep { moments, reply }).await?;
        answered(done).await
    }

    /// Returns a part of a timeline.
    pub async fn timeline(&self, query: TimelineQuery) -> Result<Page, ChangeError> {
        self.ask(|reply| reader::Question::Timeline(query, reply)).await
    }

    /// Since when the disk has had no room for a change; none while it has room.
    pub(crate) fn no_room(&self) -> Option<NoRoom> {
        *self.room.borrow()
    }

    /// Returns a receiver that is marked as changed whenever the disk becomes full or has room again.
    pub(crate) fn room(&self) -> watch::Receiver<Option<NoRoom>> {
        self.room.clone()
    }

    /// Returns the record of a node.
    pub fn record(&self, mac: Mac) -> Option<Record> {
        self.view.read().expect("no holder of this lock panics").nodes.get(&mac).cloned()
    }

    /// Since when, and by whom, all installations are stopped; none while they are not.
    pub fn stopped(&self) -> Option<Stopped> {
        self.view.read().expect("no holder of this lock panics").stopped.clone()
    }

    /// Which parts of the store are damaged.
    pub fn damage(&self) -> Damage {
        self.view.read().expect("no holder of this lock panics").damage.clone()
    }

    /// Finds the node that a token may speak for.
    pub(crate) fn owner(&self, token: &BootToken) -> Option<Mac> {
        self.view.read().expect("no holder of this lock panics").owner(token)
    }

    /// Looks at everything as it is now, without changing it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Draft<'_>) -> T) -> T {
        look(&Draft::on(&self.view.read().expect("no holder of this lock panics")))
    }
}

/// Waits until reader and writer have ended properly, or the first of them fails: neither works without the other.
async fn both<D: Database>(
    mut reader: JoinHandle<Result<(), Failed>>,
    writer: impl Future<Output = Result<D, Failed>>,
) -> Result<(), Failed> {
    tokio::pin!(writer);
    let database = tokio::select! {
        biased;
        read = &mut reader => {
            reader::ended(read)?;
            writer.await?
        }
        written = &mut writer => {
            let database = written?;
            reader::ended(reader.await)?;
            database
        }
    };
    // The database is closed last, because the last connection that closes tidies up SQLite's log.
    database.close().await
}

/// Waits for the writer's answer. No answer means that the writer has stopped.
async fn answered<T>(answer: oneshot::Receiver<Result<T, ChangeError>>) -> Result<T, ChangeError> {
    answer.await.unwrap_or(Err(ChangeError::Stopped))
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
#[cfg(test)]
mod upgrade_tests;
