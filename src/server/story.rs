//! Reads the timeline of a MAC for `explain` and `rackstart timeline`.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::HttpError;
use super::appliance::Appliance;
use crate::site::Mac;
use crate::store::{ChangeError, TimelineQuery};
use crate::timeline::{Cursor, Page};

/// Lines that `explain` shows.
const EXPLAINED: u32 = 50;
/// Most lines of one answer: what a MAC keeps, and its events.
const MOST: u32 = 5000;

/// What a reader asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Nothing before these Unix seconds.
    #[serde(default)]
    pub since: u64,
    /// From the last answer's `next` on.
    #[serde(default)]
    pub moment: i64,
    /// The same.
    #[serde(default)]
    pub event: i64,
}

/// The end of a timeline, with everything that was noted until now.
pub(super) async fn newest(appliance: &Appliance, mac: Mac) -> Result<Page, ChangeError> {
    read(appliance, TimelineQuery { mac, since: 0, after: Cursor::default(), limit: EXPLAINED }).await
}

/// `GET /v1/timeline/{mac}`.
pub(super) async fn timeline(
    Shared(appliance): Shared<Appliance>,
    Path(mac): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, HttpError> {
    let mac: Mac = mac.parse().map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, format!("{error}")))?;
    let after = Cursor { moment: wanted.moment, event: wanted.event };
    Ok(Json(read(&appliance, TimelineQuery { mac, since: wanted.since, after, limit: MOST }).await?))
}

/// A piece of a timeline, with everything that was noted until now.
pub(super) async fn read(appliance: &Appliance, query: TimelineQuery) -> Result<Page, ChangeError> {
    appliance.recent.settle().await;
    appliance.store.timeline(query).await
}
