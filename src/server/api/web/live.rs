//! Tells an open page that something changed. The page then asks for itself again, so that a change is written in one
//! way only.

use std::convert::Infallible;

use axum::extract::{Extension, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::Event;
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;

use super::super::growth::{Ended, Growth, answer};
use super::super::people::Visitor;
use super::{Api, ApiError};

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
    let growth = Growth::after(api, None, mac, place).await?;
    let watched = Watched { growth, session: visitor.id, ended: false };
    Ok(answer(unfold(watched, |mut watched| async move { watched.next().await.map(|event| (Ok(event), watched)) })))
}

struct Watched {
    growth: Growth,
    session: String,
    ended: bool,
}

impl Watched {
    /// The next change; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let session = &self.session;
        match self.growth.more(|api| api.keeper.is_signed_in(session)).await {
            Ok(events) => {
                let newest = events.last()?.id.to_string();
                Some(Event::default().event("changed").data(newest))
            }
            Err(Ended::Refused) => {
                self.ended = true;
                Some(Event::default().event("bye").data("signed out"))
            }
            Err(Ended::Over) => None,
        }
    }
}
