//! The event log as it grows, as server-sent events. The number of an event is its id, and every event is read from the
//! store: a client that reconnects with `Last-Event-ID` misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use super::keeper::Holder;
use super::{Api, STREAMS};
use crate::store::{EventPage, NumberedEvent, Store};

/// Events read from the store at once.
const BATCH: u32 = 500;
/// Interval of the keep-alive comments on a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the rights of a stream's caller are checked again.
const RECHECK: Duration = Duration::from_secs(5);

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// Begin after the event with this number. `Last-Event-ID` takes precedence; without either the stream begins with
    /// the next event.
    after: Option<i64>,
}

/// Streams events as they happen: `id` is the number, `event` the kind, `data` the event as JSON.
#[utoipa::path(get, path = "/api/v1/events", tag = "timelines",
    params(EventsParams, ("Last-Event-ID" = Option<i64>, Header, description = "the number of the last event that was received")),
    responses((status = 200, body = String, content_type = "text/event-stream",
               description = "server-sent events without an end; the data of each is a `NumberedEvent` as JSON"),
              (status = 503, description = "too many streams", body = ErrorBody)))]
pub(super) async fn events(
    Shared(api): Shared<Api>,
    caller: Caller,
    Query(wanted): Query<EventsParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let place = api.streams.clone().try_acquire_owned().map_err(|_| {
        let error = format!("{STREAMS} event streams are open already");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, "close one, or ask for `/api/v1/timeline` instead")
            .retry_after(30)
    })?;
    // Subscribed first, so that no event is missed between the query and the first wait.
    let grown = api.appliance.store.logged();
    let store = api.appliance.store.clone();
    let last = match last_event(&headers)?.or(wanted.after) {
        Some(last) => last,
        None => store.newest_event().await?,
    };
    let shutdown = api.shutdown.clone();
    let holder = caller.holder;
    let stream = Tail { api, holder, store, grown, last, ready: VecDeque::new(), shutdown, _place: place };
    let stream = unfold(stream, |mut tail| async move { tail.next().await.map(|event| (Ok(event), tail)) });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn last_event(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "`Last-Event-ID` is not a number", "send the `id` of the last event")
    })
}

/// One caller that follows the log.
struct Tail {
    api: Api,
    /// `None` at the socket, where nothing is revoked.
    holder: Option<Holder>,
    store: Store,
    grown: watch::Receiver<()>,
    last: i64,
    ready: VecDeque<NumberedEvent>,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.holder.as_ref().is_some_and(|holder| !self.api.keeper.is_still(holder)) {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                self.last = event.id;
                return Some(in_their_words(&event));
            }
            self.grown.mark_unchanged();
            let page = EventPage { mac: None, after: Some(self.last), limit: BATCH };
            self.ready = tokio::select! {
                () = self.shutdown.cancelled() => return None,
                page = self.store.event_page(page) => page.ok()?.into(),
            };
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.shutdown.cancelled() => return None,
                    grown = self.grown.changed() => grown.ok()?,
                    () = tokio::time::sleep(RECHECK) => {}
                }
            }
        }
    }
}

fn in_their_words(event: &NumberedEvent) -> Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().id(event.id.to_string()).event(&event.kind).data(data)
}
