//! The event log, in pages: of one node, and of all nodes.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use crate::server::appliance::Appliance;
use crate::site::Mac;
use crate::store::{ChangeError, EventPage, NumberedEvent, TimelineQuery};
use crate::timeline::{Cursor, Page};

const USUAL: u32 = 100;
const MAX_LINES: u32 = 1000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// Only events after this number; 0 begins with the oldest. Without it the newest ones are shown.
    after: Option<i64>,
    /// The largest number of events in the answer: 1 to 1000, 100 when missing.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

/// A page of events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    events: Vec<NumberedEvent>,
    /// The `after` of the next page; events that happen from now on are also on later pages.
    next: i64,
}

/// Returns what happened to one node.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/timeline", tag = "timelines",
    params(("name", description = "name of the node"), TimelineParams),
    responses((status = 200, body = Timeline), (status = 404, body = ErrorBody)))]
pub(crate) async fn of_node(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    Query(wanted): Query<TimelineParams>,
) -> Result<Json<Timeline>, ApiError> {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    page(&api, Some(node.mac), wanted).await
}

/// Returns what happened to all nodes.
#[utoipa::path(get, path = "/api/v1/timeline", tag = "timelines", params(TimelineParams), responses((status = 200, body = Timeline)))]
pub(crate) async fn of_all(
    Shared(api): Shared<Api>,
    Query(wanted): Query<TimelineParams>,
) -> Result<Json<Timeline>, ApiError> {
    page(&api, None, wanted).await
}

async fn page(api: &Api, mac: Option<Mac>, wanted: TimelineParams) -> Result<Json<Timeline>, ApiError> {
    let page = EventPage { mac, after: wanted.after, limit: wanted.limit.map_or(USUAL, u32::from).clamp(1, MAX_LINES) };
    let events = api.appliance.store.event_page(page).await?;
    let next = events.last().map_or(wanted.after.unwrap_or_default(), |event| event.id);
    Ok(Json(Timeline { events, next }))
}

/// Which part of a story.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Chapter {
    /// Nothing older than this, in Unix seconds.
    #[param(maximum = 4294967295.0)]
    since: Option<u32>,
    /// The `moment` of the previous answer's `next`.
    moment: Option<i64>,
    /// The `event` of the previous answer's `next`.
    event: Option<i64>,
    /// The largest number of lines in the answer, the newest ones: 1 to 1000, 100 when missing; no limit at the socket.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

/// Returns what a machine asked, what it was answered and why, silences included; also for machines that are not nodes.
#[utoipa::path(get, path = "/api/v1/stories/{mac}", tag = "timelines",
    params(("mac" = String, Path, description = "the MAC of a machine", pattern = r"^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{12})$"), Chapter),
    responses((status = 200, body = Page), (status = 400, description = "not a MAC", body = ErrorBody)))]
pub(super) async fn story(
    Shared(api): Shared<Api>,
    Path(text): Path<String>,
    caller: Caller,
    Query(chapter): Query<Chapter>,
) -> Result<Json<Page>, ApiError> {
    let after = Cursor { moment: chapter.moment.unwrap_or_default(), event: chapter.event.unwrap_or_default() };
    let limit = chapter.limit.map_or(USUAL, u32::from).clamp(1, caller.most(MAX_LINES));
    let since = chapter.since.unwrap_or_default().into();
    Ok(Json(read(&api.appliance, TimelineQuery { mac: mac(&text)?, since, after, limit }).await?))
}

/// A page of a story, including everything that was noted before this call.
pub(super) async fn read(appliance: &Appliance, query: TimelineQuery) -> Result<Page, ChangeError> {
    appliance.recent.settle().await;
    appliance.store.timeline(query).await
}

pub(super) fn mac(text: &str) -> Result<Mac, ApiError> {
    let help = "write it as 52:54:00:a8:02:01";
    text.parse().map_err(|error: crate::site::MacError| ApiError::new(StatusCode::BAD_REQUEST, error.to_string(), help))
}
