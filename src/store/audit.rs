//! The audit log in the store: a line is appended in the same transaction as what it records, and the end of the log is
//! kept a second time.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};
use tokio::sync::oneshot;

use super::anchor::Anchor;
use super::database::Database;
use super::signed::signed;
use super::{ChangeError, Command, Store, answered};
use crate::audit::{Actor, AuditLine, Broken, ChainHash, Head, IntactLog, OF_ALL_NODES, Order, verify};

/// Selects the lines to show; an empty filter shows all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// A part of the actor: `uid 0`, `alice`.
    pub who: Option<String>,
    /// The complete action.
    pub action: Option<String>,
    /// One of the complete subjects: the name of a node, a secret or a token.
    pub subject: Option<String>,
    /// Another name for the same subject, such as the MAC of a node.
    pub also: Option<String>,
    /// Beside the subject's lines, those of the actions of [`OF_ALL_NODES`]: the subject is a node.
    pub is_node: bool,
    /// Only lines that are not older than this, in Unix seconds.
    pub since: Option<u64>,
    /// At most this many lines, the newest ones.
    pub limit: Option<u32>,
}

impl Store {
    /// Appends a line for an action that changes no node. It is durable when this returns; the result is its number.
    /// Actions that change a node go through [`Store::change_as`].
    pub async fn audit(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<u64, ChangeError> {
        let order = Order::new(actor, action, subject).detail(detail);
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Audit { order, reply }).await?;
        answered(answer).await
    }

    /// Returns the newest lines that pass the filter, the oldest first.
    pub async fn audit_lines(&self, filter: AuditFilter) -> Result<Vec<AuditLine>, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::AuditLines { filter, reply }).await.map_err(|_| ChangeError::Stopped)?;
        answer.await.map_err(|_| ChangeError::Stopped)
    }

    /// Checks the whole log against its chain, the head that is kept beside the database, and the heads that the caller
    /// knows.
    pub async fn verify_audit(&self, mut known: Vec<(Head, String)>) -> Result<Result<IntactLog, Broken>, ChangeError> {
        let place = "the anchor file beside the database".to_string();
        match self.anchor.read_again() {
            Ok(anchor) => known.push((anchor.audit, place)),
            Err(error) => return Ok(Err(Broken::Unknown { place, why: error.to_string() })),
        }
        let lines = self.audit_lines(AuditFilter { limit: Some(u32::MAX), ..Default::default() }).await?;
        Ok(verify(lines.iter(), &known))
    }
}

/// The growing end of the log, which the writer holds.
pub(super) struct Ledger {
    head: Head,
    anchor: Anchor,
    /// Whether lines were appended that the anchor does not know yet.
    ahead: bool,
}

impl Ledger {
    pub(crate) fn new(head: Head, anchor: Anchor) -> Self {
        Self { head, anchor, ahead: false }
    }

    /// The end of the log.
    pub(crate) fn head(&self) -> Head {
        self.head.clone()
    }

    /// Appends a line for each order and its outcome within the caller's transaction, and returns their numbers.
    pub(crate) async fn append<D: Database>(
        &mut self,
        database: &mut D,
        at: u64,
        orders: &[(Order, String)],
    ) -> Result<Vec<u64>, sqlx::Error> {
        let mut head = self.head.clone();
        let line = |(order, outcome): &(Order, String)| {
            let line = AuditLine::after(&head, at, order, outcome);
            head = Head { id: line.id, hash: line.hash };
            line
        };
        let lines: Vec<AuditLine> = orders.iter().map(line).collect();
        database.append_audit(&lines).await?;
        self.head = head;
        self.ahead |= !lines.is_empty();
        Ok(lines.iter().map(|line| line.id).collect())
    }

    /// The point to return to when a transaction is rolled back.
    pub(crate) fn mark(&self) -> (Head, bool) {
        (self.head.clone(), self.ahead)
    }

    /// Forgets the lines of a transaction that was rolled back.
    pub(crate) fn back_to(&mut self, (head, ahead): (Head, bool)) {
        (self.head, self.ahead) = (head, ahead);
    }

    /// Before the commit: records beside the anchor how far the log goes, while everything can still be rolled back if
    /// the disk is full.
    pub(crate) async fn prepare(&self) -> Result<(), sqlx::Error> {
        match self.ahead {
            true => self.anchor.prepare(self.head.clone()).await.map_err(sqlx::Error::Io),
            false => Ok(()),
        }
    }

    /// After the commit: makes what was prepared the anchor. Nobody is answered before this is on the disk, too.
    pub(crate) async fn publish(&mut self) -> Result<(), sqlx::Error> {
        if self.ahead {
            self.anchor.publish(self.head.clone()).await.map_err(sqlx::Error::Io)?;
            self.ahead = false;
        }
        Ok(())
    }
}

/// Writes lines, in one statement.
pub(super) async fn insert(connection: &mut SqliteConnection, lines: &[AuditLine]) -> Result<(), sqlx::Error> {
    let mut insert =
        QueryBuilder::<Sqlite>::new("INSERT INTO audit (id, at, how, source, action, subject, detail, outcome, hash) ");
    insert.push_values(lines, |mut row, line| {
        row.push_bind(signed(line.id)).push_bind(signed(line.at)).push_bind(line.actor.how.clone());
        row.push_bind(line.actor.from.clone()).push_bind(line.action.clone()).push_bind(line.subject.clone());
        row.push_bind(line.detail.clone()).push_bind(line.outcome.clone()).push_bind(line.hash.to_string());
    });
    insert.build().execute(connection).await.map(drop)
}

/// The last line of the log.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let row = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetch_optional(connection).await?;
    row.map_or(Ok(Head::START), |row| Ok(Head { id: unsigned(&row, 0)?, hash: hash(&row, 1)? }))
}

/// The hash of one line, if it exists.
pub(super) async fn hash_of(connection: &mut SqliteConnection, id: u64) -> Result<Option<ChainHash>, sqlx::Error> {
    if id == 0 {
        return Ok(Some(ChainHash::START));
    }
    let row = sqlx::query("SELECT hash FROM audit WHERE id = ?").bind(signed(id)).fetch_optional(connection).await?;
    row.map(|row| hash(&row, 0)).transpose()
}

pub(super) async fn lines(
    connection: &mut SqliteConnection,
    filter: &AuditFilter,
) -> Result<Vec<AuditLine>, sqlx::Error> {
    let select = "SELECT id, at, how, source, action, subject, detail, outcome, hash, \
                  (SELECT before.hash FROM audit before WHERE before.id = audit.id - 1) FROM audit \
                  WHERE (?1 IS NULL OR instr(how, ?1) > 0) AND (?2 IS NULL OR action = ?2) \
                  AND (?3 IS NULL OR instr(' ' || subject || ' ', ' ' || ?3 || ' ') > 0 \
                  OR instr(' ' || subject || ' ', ' ' || ?6 || ' ') > 0 \
                  OR instr(' ' || ?7 || ' ', ' ' || action || ' ') > 0) \
                  AND (?4 IS NULL OR at >= ?4) ORDER BY id DESC LIMIT ?5";
    let query = sqlx::query(select).bind(&filter.who).bind(&filter.action).bind(&filter.subject);
    let query = query.bind(filter.since.map(signed)).bind(filter.limit.unwrap_or(100)).bind(&filter.also);
    let query = query.bind(if filter.is_node { OF_ALL_NODES.join(" ") } else { String::new() });
    let rows = query.fetch_all(connection).await?;
    Ok(rows.iter().rev().map(|row| line(row).unwrap_or_else(|_| damaged(row))).collect())
}

/// Reads a line, if it follows the one before it.
fn line(row: &SqliteRow) -> Result<AuditLine, sqlx::Error> {
    let line = AuditLine {
        id: unsigned(row, 0)?,
        at: unsigned(row, 1)?,
        actor: Actor { how: row.try_get(2)?, from: row.try_get(3)? },
        action: row.try_get(4)?,
        subject: row.try_get(5)?,
        detail: row.try_get(6)?,
        outcome: row.try_get(7)?,
        hash: hash(row, 8)?,
    };
    let before = if line.id == 1 { ChainHash::START } else { hash(row, 9)? };
    match line.follows(&before) {
        true => Ok(line),
        false => Err(sqlx::Error::Decode("it does not follow the line before it".into())),
    }
}

/// A line that differs from what was written, or whose predecessor does. It fits no chain, so `verify` reports it, too.
fn damaged(row: &SqliteRow) -> AuditLine {
    let text = |column: usize| {
        row.try_get_raw(column).ok().and_then(|value| {
            Some(String::from_utf8_lossy(<&[u8] as sqlx::Decode<sqlx::Sqlite>>::decode(value).ok()?).into_owned())
        })
    };
    let text = |column: usize| text(column).unwrap_or_default();
    AuditLine {
        id: unsigned(row, 0).unwrap_or(0),
        at: unsigned(row, 1).unwrap_or(0),
        actor: Actor { how: text(2), from: text(3) },
        action: text(4),
        subject: text(5),
        detail: text(6),
        outcome: format!("DAMAGED, this line or the one before it (`rackstart audit verify`); it says: {}", text(7)),
        hash: hash(row, 8).unwrap_or(ChainHash::START),
    }
}

fn hash(row: &SqliteRow, index: usize) -> Result<ChainHash, sqlx::Error> {
    let text: &str = row.try_get(index)?;
    text.parse().map_err(|_| sqlx::Error::Decode(format!("`{text}` is not the hash of an audit line").into()))
}

fn unsigned(row: &SqliteRow, index: usize) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.try_get::<i64, _>(index)?).unwrap_or(0))
}
