//! Tells an open page that something changed. The page then asks for itself again, so that a change is written in one
//! way only.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::super::people::Visitor;
use super::{Api, ApiError};
use crate::site::Mac;
use crate::store::EventPage;

/// Events that are looked at together; more of them are one change all the same.
const BATCH: u32 = 500;
/// Interval of the keep-alive comments on a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the session is checked again.
const RECHECK: Duration = Duration::from_secs(5);

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
    let mac = match &wanted.node {
        Some(name) => Some(site.node_by_name(name).ok_or_else(|| ApiError::no_such_node(name))?.mac),
        None => None,
    };
    let grown = api.appliance.store.logged();
    let last = api.appliance.store.newest_event().await?;
    let watched = Watched { api, session: visitor.id, grown, last, mac, ended: false, _place: place };
    let stream = unfold(watched, |mut watched| async move { watched.next().await.map(|event| (Ok(event), watched)) });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Watched {
    api: Api,
    session: String,
    grown: watch::Receiver<()>,
    last: i64,
    mac: Option<Mac>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Watched {
    /// The next change; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.ended {
                return None;
            }
            if !self.api.keeper.is_signed_in(&self.session) {
                self.ended = true;
                return Some(Event::default().event("bye").data("signed out"));
            }
            self.grown.mark_unchanged();
            let page = EventPage { mac: self.mac, after: Some(self.last), limit: BATCH };
            let events = tokio::select! {
                () = self.api.shutdown.cancelled() => return None,
                page = self.api.appliance.store.event_page(page) => page.ok()?,
            };
            if let Some(newest) = events.last() {
                self.last = newest.id;
                return Some(Event::default().event("changed").data(newest.id.to_string()));
            }
            tokio::select! {
                () = self.api.shutdown.cancelled() => return None,
                grown = self.grown.changed() => grown.ok()?,
                () = tokio::time::sleep(RECHECK) => {}
            }
        }
    }
}
