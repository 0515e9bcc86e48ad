//! The one task that reads while the daemon runs, on a separate connection: in WAL mode it does not wait for commits.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;

use super::database::{Failed, Reading};
use super::sessions::StoredSession;
use super::timeline::TimelineQuery;
use super::tokens::StoredToken;
use super::{ChangeError, DAMAGED, Reply, Store, answered, sums};
use crate::site::Mac;
use crate::timeline::Page;

/// The part of the event log that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    /// The node whose events are wanted; none means all nodes.
    pub mac: Option<Mac>,
    /// Only the events after this number; none means the newest ones.
    pub after: Option<i64>,
    /// The largest number of events.
    pub limit: u32,
}

/// One line of the event log with its number. Numbers only grow, and none is ever reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NumberedEvent {
    /// Its number.
    pub id: i64,
    /// Unix seconds.
    pub at: u64,
    /// The node that the event belongs to.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// The kind of event, one word.
    pub kind: String,
    /// The state after it.
    pub state: String,
    /// The attempt that it belongs to.
    pub attempt: Option<String>,
    /// The text.
    pub detail: String,
}

pub(super) enum Question {
    Events(EventPage, Reply<Vec<NumberedEvent>>),
    Tokens(Reply<Vec<StoredToken>>),
    Sessions(Reply<Vec<StoredSession>>),
    Timeline(TimelineQuery, Reply<Page>),
}

impl Store {
    /// Returns a part of the event log, the oldest event first.
    pub async fn event_page(&self, page: EventPage) -> Result<Vec<NumberedEvent>, ChangeError> {
        self.ask(|reply| Question::Events(page, reply)).await
    }

    /// Returns the number of the newest event; 0 when there is none.
    pub(crate) async fn newest_event(&self) -> Result<i64, ChangeError> {
        let newest = self.event_page(EventPage { mac: None, after: None, limit: 1 }).await?;
        Ok(newest.last().map_or(0, |event| event.id))
    }

    /// Returns all tokens of the remote API, the oldest first.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, ChangeError> {
        self.ask(Question::Tokens).await
    }

    /// Returns all sessions of people, the oldest first.
    pub async fn sessions(&self) -> Result<Vec<StoredSession>, ChangeError> {
        self.ask(Question::Sessions).await
    }

    pub(super) async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(question(reply)).await.map_err(|_| ChangeError::Stopped)?;
        answered(answer).await
    }
}

/// Answers until every handle is gone, or the database turns out to be damaged: then no other answer can be trusted.
pub(super) async fn run<R: Reading>(mut reading: R, mut questions: mpsc::Receiver<Question>) -> Result<(), Failed> {
    while let Some(question) = questions.recv().await {
        let outcome = match question {
            Question::Events(page, reply) => tell(reply, reading.event_page(page).await),
            Question::Timeline(query, reply) => tell(reply, reading.timeline(&query).await),
            Question::Tokens(reply) => tell(reply, reading.tokens().await),
            Question::Sessions(reply) => tell(reply, reading.sessions().await),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be read");
            if reading.is_damage(&error) {
                return Err(error);
            }
        }
    }
    reading.close().await;
    Ok(())
}

fn tell<T>(reply: Reply<T>, found: Result<T, Failed>) -> Result<(), Failed> {
    match found {
        Ok(found) => {
            let _ = reply.send(Ok(found));
            Ok(())
        }
        Err(error) => {
            let _ = reply.send(Err(ChangeError::Unreadable));
            Err(error)
        }
    }
}

/// Why the reader ended.
pub(super) fn ended(ended: Result<Result<(), Failed>, JoinError>) -> Result<(), Failed> {
    ended.unwrap_or_else(|error| Err(sqlx::Error::Protocol(format!("the task that reads the store ended: {error}"))))
}

// There is one statement for each kind of page, so that each one walks its index from where the page begins.
pub(super) async fn events(
    connection: &mut SqliteConnection,
    page: EventPage,
) -> Result<Vec<NumberedEvent>, sqlx::Error> {
    const OF_NODE: &str = "SELECT at, ms, mac, kind, state, attempt, detail, sum, id FROM event WHERE mac = ? AND id > ? ORDER BY id LIMIT ?";
    const OF_ALL: &str =
        "SELECT at, ms, mac, kind, state, attempt, detail, sum, id FROM event WHERE id > ? ORDER BY id LIMIT ?";
    const NEWEST_OF_NODE: &str =
        "SELECT at, ms, mac, kind, state, attempt, detail, sum, id FROM event WHERE mac = ? ORDER BY id DESC LIMIT ?";
    const NEWEST: &str =
        "SELECT at, ms, mac, kind, state, attempt, detail, sum, id FROM event ORDER BY id DESC LIMIT ?";
    let mac = page.mac.map(|mac| mac.to_string());
    let query = match (mac, page.after) {
        (Some(mac), Some(after)) => sqlx::query(OF_NODE).bind(mac).bind(after),
        (None, Some(after)) => sqlx::query(OF_ALL).bind(after),
        (Some(mac), None) => sqlx::query(NEWEST_OF_NODE).bind(mac),
        (None, None) => sqlx::query(NEWEST),
    };
    let rows = query.bind(page.limit).fetch_all(connection).await?;
    let mut events: Vec<NumberedEvent> = rows.iter().map(event).collect();
    if page.after.is_none() {
        events.reverse();
    }
    place_damaged(&mut events);
    Ok(events)
}

/// Reads a row of `at, ms, mac, kind, state, attempt, detail, sum, id`. A damaged row yields an event that says only
/// that it is damaged.
pub(super) fn event(row: &SqliteRow) -> NumberedEvent {
    let read = || -> Result<NumberedEvent, sqlx::Error> {
        let mac: &str = row.try_get(2)?;
        Ok(NumberedEvent {
            id: row.try_get(8)?,
            at: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0),
            mac: mac.parse().map_err(|error| sqlx::Error::Decode(format!("{mac}: {error}").into()))?,
            kind: row.try_get(3)?,
            state: row.try_get(4)?,
            attempt: row.try_get(5)?,
            detail: row.try_get(6)?,
        })
    };
    match read() {
        Ok(event) if sums::holds("event", row, 7) => event,
        _ => {
            let id = row.try_get(8).unwrap_or_default();
            let mac = row.try_get::<&str, _>(2).ok().and_then(|mac| mac.parse().ok()).unwrap_or(Mac([0; 6]));
            let detail = format!("line {id} of the event log is damaged: what it said is not known");
            NumberedEvent { id, at: 0, mac, kind: DAMAGED.into(), state: String::new(), attempt: None, detail }
        }
    }
}

/// Gives damaged lines a time: that of the line before, or of the one after.
pub(super) fn place_damaged(events: &mut [NumberedEvent]) {
    let mut at = events.iter().find(|event| event.kind != DAMAGED).map_or(0, |event| event.at);
    for event in events {
        if event.kind == DAMAGED {
            event.at = at;
        }
        at = event.at;
    }
}
