//! The event log as it grows, for everybody who follows it: programs that read each event, and open pages that only want
//! to know that something changed.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive, KeepAliveStream};
use futures_util::stream::Stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Api;
use crate::site::Mac;
use crate::store::{ChangeError, EventPage, NumberedEvent};

/// Events read from the store at once.
const BATCH: u32 = 500;
/// Interval of the keep-alive comments on a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the rights of a stream's caller are checked again.
const RECHECK: Duration = Duration::from_secs(5);

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its caller may not read any more.
    Refused,
    /// The daemon or the store ends.
    Over,
}

/// One reader who follows the log.
pub(super) struct Growth {
    pub(super) api: Api,
    grown: watch::Receiver<()>,
    last: i64,
    mac: Option<Mac>,
    _place: OwnedSemaphorePermit,
}

impl Growth {
    /// Follows the log after the event `after`, or after the newest one; of one machine or of all. The reader takes a
    /// place as long as it follows.
    pub(super) async fn after(
        api: Api,
        after: Option<i64>,
        mac: Option<Mac>,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, ChangeError> {
        // Subscribed first, so that no event is missed between the query and the first wait.
        let grown = api.appliance.store.logged();
        let last = match after {
            Some(last) => last,
            None => api.appliance.store.newest_event().await?,
        };
        Ok(Self { api, grown, last, mac, _place: place })
    }

    /// The next events, at least one, as soon as there are any and as long as `may` says so.
    pub(super) async fn more(&mut self, may: impl Fn(&Api) -> bool) -> Result<Vec<NumberedEvent>, Ended> {
        loop {
            if !may(&self.api) {
                return Err(Ended::Refused);
            }
            self.grown.mark_unchanged();
            let page = EventPage { mac: self.mac, after: Some(self.last), limit: BATCH };
            let events = tokio::select! {
                () = self.api.shutdown.cancelled() => return Err(Ended::Over),
                page = self.api.appliance.store.event_page(page) => page.map_err(|_| Ended::Over)?,
            };
            if let Some(newest) = events.last() {
                self.last = newest.id;
                return Ok(events);
            }
            tokio::select! {
                () = self.api.shutdown.cancelled() => return Err(Ended::Over),
                grown = self.grown.changed() => grown.map_err(|_| Ended::Over)?,
                () = tokio::time::sleep(RECHECK) => {}
            }
        }
    }
}

/// A stream as an answer, which stays open while it is quiet.
pub(super) fn answer<S>(stream: S) -> Sse<KeepAliveStream<S>>
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
