//! What the store asks of a database: the whole seam that a second one has to fill. Decisions, group commit, secrets, the
//! chain of the audit log and the view in memory lie above it and know no SQL. `conformance` holds every implementation to
//! what is written here.

use super::memory::Memory;
use super::reader::{EventPage, NumberedEvent};
use super::secret_rows::{SecretWrite, Stored};
use super::timeline::TimelineQuery;
use super::tokens::{StoredToken, TokenChange};
use super::{AuditFilter, LogLine, Record};
use crate::audit::{AuditLine, Head};
use crate::clock::Stamp;
use crate::lifecycle::Stopped;
use crate::site::Mac;
use crate::timeline::{Moment, Page};

/// A database said no. Unless its disk is just full, whoever writes stops then and never tries again: a sync that failed
/// once may lie the next time.
pub(super) type Failed = sqlx::Error;

/// The one writer. Between `begin` and `commit` nothing is seen by a [`Reading`]; when `commit` returns all of it is durable;
/// when the writer is dropped before, none of it ever was.
pub(super) trait Database {
    /// Opens the one transaction.
    async fn begin(&mut self) -> Result<(), Failed>;
    /// Makes it durable.
    async fn commit(&mut self) -> Result<(), Failed>;
    /// Undoes whatever was begun, if anything was.
    async fn rollback(&mut self) -> Result<(), Failed>;
    /// Whether this failed for want of room alone: then nothing of the transaction is on the disk, and another one may be
    /// begun after a `rollback`.
    fn is_full(&self, error: &Failed) -> bool;
    /// Whether a change finds room; tried with a change that changes nothing.
    async fn tries_to_write(&mut self) -> Result<bool, Failed>;

    /// Everything that decisions go by.
    async fn memory(&mut self) -> Result<Memory, Failed>;
    /// Puts a node in the place of the one that has its MAC.
    async fn put_node(&mut self, mac: Mac, record: &Record, now: u64) -> Result<(), Failed>;
    /// Appends to the event log. Numbers grow, and none is used twice.
    async fn log(&mut self, mac: Mac, record: &Record, line: LogLine, at: Stamp) -> Result<(), Failed>;
    /// Sets or forgets that all installations are stopped.
    async fn put_stopped(&mut self, stopped: Option<&Stopped>) -> Result<(), Failed>;

    /// Puts secrets in the place of those of the same names, and the seal in the place of the one before. If the write forgets,
    /// nothing of before stays.
    async fn put_secrets(&mut self, write: SecretWrite) -> Result<(), Failed>;
    /// All secrets as they lie there.
    async fn secrets(&mut self) -> Result<Stored, Failed>;
    /// After a commit: no copy of a value that was replaced is left where it lay.
    async fn forget_replaced(&mut self) -> Result<(), Failed>;

    /// Makes or revokes a token. `false`: the name is taken by a valid one, or no valid one has it.
    async fn change_token(&mut self, change: &TokenChange) -> Result<bool, Failed>;

    /// Appends a line; its number is the one after the last.
    async fn append_audit(&mut self, line: &AuditLine) -> Result<(), Failed>;
    /// The end of the audit log.
    async fn audit_head(&mut self) -> Result<Head, Failed>;
    /// The newest lines that pass, oldest first.
    async fn audit_lines(&mut self, filter: &AuditFilter) -> Result<Vec<AuditLine>, Failed>;

    /// Adds moments and makes room for them. `is_known`: whether a node has the MAC; of others only so many are kept.
    async fn add_moments(&mut self, moments: &[Moment], now: u64, is_known: impl Fn(Mac) -> bool)
    -> Result<(), Failed>;

    /// The whole store as one file, without secrets that lie open unless they are wanted. One that cannot be made harms nothing.
    async fn backup(&mut self, with_open_secrets: bool) -> Result<Vec<u8>, String>;
    /// Ends orderly.
    async fn close(self) -> Result<(), Failed>;
}

/// A second connection that only reads what was committed, and waits for no commit.
pub(super) trait Reading {
    /// A part of the event log, oldest first.
    async fn event_page(&mut self, page: EventPage) -> Result<Vec<NumberedEvent>, Failed>;
    /// All tokens, oldest first.
    async fn tokens(&mut self) -> Result<Vec<StoredToken>, Failed>;
    /// The newest lines of a MAC, moments and events together.
    async fn timeline(&mut self, query: &TimelineQuery) -> Result<Page, Failed>;
    /// Whether this is said of a database that is damaged, or cannot be read at all.
    fn is_damage(&self, error: &Failed) -> bool;
    /// Ends orderly.
    async fn close(self);
}
