//! What the store requires of a database: the whole seam for a second implementation. Decisions, group commit, secrets,
//! the chain of the audit log and the view in memory lie above it and know no SQL. `conformance` checks that an
//! implementation does what is written here.

use super::AuditFilter;
use super::memory::{Memory, Write};
use super::reader::{EventPage, NumberedEvent};
use super::secret_rows::{SecretWrite, Stored};
use super::sessions::StoredSession;
use super::timeline::TimelineQuery;
use super::tokens::{StoredToken, TokenChange};
use crate::audit::{AuditLine, Head};
use crate::clock::Stamp;
use crate::lifecycle::Stopped;
use crate::site::Mac;
use crate::timeline::{Moment, Page};

/// The database failed. Unless its disk is merely full, the writer stops then and never tries again: after one failed
/// sync, the next one may falsely report success.
pub(super) type Failed = sqlx::Error;

/// The only writer. Between `begin` and `commit` a [`Reading`] sees nothing. When `commit` returns, all of the
/// transaction is durable; when the writer is dropped before that, nothing of it ever happened.
pub(super) trait Database {
    /// Begins the transaction; there is only one at a time.
    async fn begin(&mut self) -> Result<(), Failed>;
    /// Makes the transaction durable.
    async fn commit(&mut self) -> Result<(), Failed>;
    /// Rolls back the transaction, if one was begun.
    async fn rollback(&mut self) -> Result<(), Failed>;
    /// Whether the error only means that there was no room. Then nothing of the transaction is on the disk, and after a
    /// `rollback` another one may be begun.
    fn is_full(&self, error: &Failed) -> bool;
    /// Whether a change finds room, tried with one that changes nothing.
    async fn tries_to_write(&mut self) -> Result<bool, Failed>;

    /// Everything that decisions depend on.
    async fn memory(&mut self) -> Result<Memory, Failed>;
    /// Stores each record in place of the former one with its MAC, the last one of a MAC at the end, and appends the lines
    /// to the event log in their order. Numbers of lines grow, and none is used twice.
    async fn put_nodes(&mut self, writes: &[Write], at: Stamp) -> Result<(), Failed>;
    /// Sets or removes the order that stops all installations.
    async fn put_stopped(&mut self, stopped: Option<&Stopped>) -> Result<(), Failed>;

    /// Stores secrets in place of those with the same names, and the seal in place of the former one. If the write
    /// forgets, nothing older is kept.
    async fn put_secrets(&mut self, write: SecretWrite) -> Result<(), Failed>;
    /// All secrets as stored.
    async fn secrets(&mut self) -> Result<Stored, Failed>;
    /// To be called after a commit: removes every copy of values that were replaced.
    async fn forget_replaced(&mut self) -> Result<(), Failed>;

    /// Creates or revokes a token, or begins or ends a session. Returns `false` when a valid token has the name already,
    /// or there is no such token or session.
    async fn change_token(&mut self, change: &TokenChange) -> Result<bool, Failed>;

    /// Appends lines whose numbers are the next ones.
    async fn append_audit(&mut self, lines: &[AuditLine]) -> Result<(), Failed>;
    /// The end of the audit log.
    async fn audit_head(&mut self) -> Result<Head, Failed>;
    /// The newest lines that pass the filter, the oldest first.
    async fn audit_lines(&mut self, filter: &AuditFilter) -> Result<Vec<AuditLine>, Failed>;

    /// Adds moments and makes room for them. `is_known` tells whether a node has the MAC; the number of other MACs is
    /// limited.
    async fn add_moments(&mut self, moments: &[Moment], now: u64, is_known: impl Fn(Mac) -> bool)
    -> Result<(), Failed>;

    /// The whole store as one file, with open secrets only on request. A backup that fails harms nothing.
    async fn backup(&mut self, with_open_secrets: bool) -> Result<Vec<u8>, String>;
    /// Closes the database properly.
    async fn close(self) -> Result<(), Failed>;
}

/// A second connection that only reads what was committed, and never waits for a commit.
pub(super) trait Reading {
    /// A part of the event log, oldest first.
    async fn event_page(&mut self, page: EventPage) -> Result<Vec<NumberedEvent>, Failed>;
    /// All tokens, the oldest first.
    async fn tokens(&mut self) -> Result<Vec<StoredToken>, Failed>;
    /// All sessions of people, the oldest first.
    async fn sessions(&mut self) -> Result<Vec<StoredSession>, Failed>;
    /// The newest lines of a MAC, moments and events merged.
    async fn timeline(&mut self, query: &TimelineQuery) -> Result<Page, Failed>;
    /// Whether the error means that the database is damaged, or cannot be read at all.
    fn is_damage(&self, error: &Failed) -> bool;
    /// Closes the connection properly.
    async fn close(self);
}
