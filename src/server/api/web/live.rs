//! Tells an open page that something changed. The page then asks for itself again, so that a change is written in one
//! way only.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;

use super::super::growth::{Ended, Growth, answer};
use super::super::logs;
use super::super::people::Visitor;
use super::{Api, ApiError};
use crate::site::{NodeName, Site};

/// How often the length of an installer's log is looked at.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// What the page is about.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Only changes of this node.
    node: Option<String>,
}

pub(super) async fn changes(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let place = api.pages.clone().try_acquire_owned().map_err(|_| {
        let error = "too many pages are open at the same time";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, "close one; this one works without changing by itself")
    })?;
    let site = api.appliance.site();
    let node = match &wanted.node {
        Some(name) => Some(site.node_by_name(name).ok_or_else(|| ApiError::no_such_node(name))?),
        None => None,
    };
    let log = match node {
        Some(node) => Some((node.name.clone(), logs::size(&site, &node.name).await)),
        None => None,
    };
    let mac = node.map(|node| node.mac);
    let growth = Growth::after(api, None, mac, place).await?;
    let watched = Watched { growth, session: visitor.id, log, ended: false };
    Ok(answer(unfold(watched, |mut watched| async move { watched.next().await.map(|event| (Ok(event), watched)) })))
}

struct Watched {
    growth: Growth,
    session: String,
    /// The node whose log may grow, and how long it was.
    log: Option<(NodeName, u64)>,
    ended: bool,
}

impl Watched {
    /// The next change; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let Self { growth, session, log, .. } = self;
        let site = growth.api.appliance.site();
        let grown = tokio::select! {
            grown = growth.more(|api| api.keeper.is_signed_in(session)) => grown.map(drop),
            () = log_grows(&site, log) => Ok(()),
        };
        match grown {
            // A browser tells nobody of an event without data (HTML, "Server-sent events").
            Ok(()) => Some(Event::default().event("changed").data("something")),
            Err(Ended::Refused) => {
                self.ended = true;
                Some(Event::default().event("bye").data("signed out"))
            }
            Err(Ended::Over) => None,
        }
    }
}

/// Returns when the log of the node is longer than it was, which no event tells.
async fn log_grows(site: &Site, log: &mut Option<(NodeName, u64)>) {
    let Some((node, size)) = log else { return std::future::pending().await };
    loop {
        tokio::time::sleep(LOG_EVERY).await;
        let now = logs::size(site, node).await;
        if std::mem::replace(size, now) != now {
            return;
        }
    }
}
