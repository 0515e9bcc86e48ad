//! The one task that reads while the daemon runs, on a connection of its own: in WAL mode it waits for no commit.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::{mpsc, oneshot};

use super::database::Reading;
use super::timeline::TimelineQuery;
use super::tokens::StoredToken;
use super::{ChangeError, Store};
use crate::site::Mac;
use crate::timeline::Page;

/// Which part of the event log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    /// Of one node, or of all.
    pub mac: Option<Mac>,
    /// The events after this number; without it the newest ones.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// One line of the event log with its number. Numbers only grow; one that was used once is never used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NumberedEvent {
    /// Its number.
    pub id: i64,
    /// Unix seconds.
    pub at: u64,
    /// Which node.
    #[schema(value_type = String)]
    pub mac: Mac,
    /// What happened, one word.
    pub kind: String,
    /// The state after it.
    pub state: String,
    /// The attempt that it belongs to.
    pub attempt: Option<String>,
    /// In words.
    pub detail: String,
}

pub(super) enum Question {
    Events(EventPage, oneshot::Sender<Vec<NumberedEvent>>),
    Tokens(oneshot::Sender<Vec<StoredToken>>),
    Timeline(TimelineQuery, oneshot::Sender<Page>),
}

impl Store {
    /// Returns a part of the event log, oldest first.
    pub async fn event_page(&self, page: EventPage) -> Result<Vec<NumberedEvent>, ChangeError> {
        self.ask(|reply| Question::Events(page, reply)).await
    }

    /// Returns all tokens of the remote API, oldest first.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, ChangeError> {
        self.ask(Question::Tokens).await
    }

    pub(super) async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(question(reply)).await.map_err(|_| ChangeError::Stopped)?;
        answer.await.map_err(|_| ChangeError::Stopped)
    }
}

/// Answers until every handle is gone. A question that fails is answered with nothing, which its asker sees.
pub(super) async fn run<R: Reading>(mut reading: R, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        let outcome = match question {
            Question::Events(page, reply) => reading.event_page(page).await.map(|events| drop(reply.send(events))),
            Question::Timeline(query, reply) => reading.timeline(&query).await.map(|page| drop(reply.send(page))),
            Question::Tokens(reply) => reading.tokens().await.map(|tokens| drop(reply.send(tokens))),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the store could not be read");
        }
    }
    reading.close().await;
}

// One statement for each kind of page, so that each one walks its index from where it begins.
pub(super) async fn events(
    connection: &mut SqliteConnection,
    page: EventPage,
) -> Result<Vec<NumberedEvent>, sqlx::Error> {
    const OF_NODE: &str =
        "SELECT id, at, mac, kind, state, attempt, detail FROM event WHERE mac = ? AND id > ? ORDER BY id LIMIT ?";
    const OF_ALL: &str = "SELECT id, at, mac, kind, state, attempt, detail FROM event WHERE id > ? ORDER BY id LIMIT ?";
    const NEWEST_OF_NODE: &str =
        "SELECT id, at, mac, kind, state, attempt, detail FROM event WHERE mac = ? ORDER BY id DESC LIMIT ?";
    const NEWEST: &str = "SELECT id, at, mac, kind, state, attempt, detail FROM event ORDER BY id DESC LIMIT ?";
    let mac = page.mac.map(|mac| mac.to_string());
    let query = match (mac, page.after) {
        (Some(mac), Some(after)) => sqlx::query(OF_NODE).bind(mac).bind(after),
        (None, Some(after)) => sqlx::query(OF_ALL).bind(after),
        (Some(mac), None) => sqlx::query(NEWEST_OF_NODE).bind(mac),
        (None, None) => sqlx::query(NEWEST),
    };
    let rows = query.bind(page.limit).fetch_all(connection).await?;
    let mut events: Vec<NumberedEvent> = rows.iter().filter_map(event).collect();
    if page.after.is_none() {
        events.reverse();
    }
    Ok(events)
}

fn event(row: &SqliteRow) -> Option<NumberedEvent> {
    Some(NumberedEvent {
        id: row.get(0),
        at: u64::try_from(row.get::<i64, _>(1)).ok()?,
        mac: row.get::<&str, _>(2).parse().ok()?,
        kind: row.get(3),
        state: row.get(4),
        attempt: row.get(5),
        detail: row.get(6),
    })
}
