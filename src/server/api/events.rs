//! The event log as it grows, as server-sent events. The number of an event is its id, and every event is read from the
//! store: a client that reconnects with `Last-Event-ID` misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use super::growth::{Growth, answer};
use super::keeper::Holder;
use super::{Api, STREAMS};
use crate::store::NumberedEvent;

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
    let after = last_event(&headers)?.or(wanted.after);
    let growth = Growth::after(api, after, None, place).await?;
    let tail = Tail { growth, holder: caller.holder, ready: VecDeque::new() };
    Ok(answer(unfold(tail, |mut tail| async move { tail.next().await.map(|event| (Ok(event), tail)) })))
}

fn last_event(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "`Last-Event-ID` is not a number", "send the `id` of the last event")
    })
}

/// One caller that reads each event.
struct Tail {
    growth: Growth,
    /// `None` at the socket, where nothing is revoked.
    holder: Option<Holder>,
    ready: VecDeque<NumberedEvent>,
}

impl Tail {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        let Self { growth, holder, ready } = self;
        let may = |api: &Api| holder.as_ref().is_none_or(|holder| api.keeper.is_still(holder));
        if ready.is_empty() {
            *ready = growth.more(may).await.ok()?.into();
        } else if !may(&growth.api) {
            return None;
        }
        ready.pop_front().map(|event| in_their_words(&event))
    }
}

fn in_their_words(event: &NumberedEvent) -> Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().id(event.id.to_string()).event(&event.kind).data(data)
}
