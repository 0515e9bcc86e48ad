//! The event log, in pages: of one node, and of all.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::site::Mac;
use crate::store::{NumberedEvent, Page};

const USUAL: u32 = 100;
const MOST: u32 = 1000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Those after this number; 0 begins with the oldest. Without it the newest ones are shown.
    after: Option<i64>,
    /// How many at most: 1 to 1000, 100 when missing.
    limit: Option<u32>,
}

/// Events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Timeline {
    /// The events.
    events: Vec<NumberedEvent>,
    /// The `after` of the next page; what happens from now on comes after it too.
    next: i64,
}

/// What happened to one node.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/timeline", tag = "timelines",
    params(("name", description = "name of the node"), Wanted),
    responses((status = 200, body = Timeline), (status = 404, body = ErrorBody)))]
pub async fn of_node(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Timeline>, ApiError> {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    page(&api, Some(node.mac), wanted).await
}

/// What happened to all nodes.
#[utoipa::path(get, path = "/api/v1/timeline", tag = "timelines", params(Wanted), responses((status = 200, body = Timeline)))]
pub async fn of_all(Shared(api): Shared<Api>, Query(wanted): Query<Wanted>) -> Result<Json<Timeline>, ApiError> {
    page(&api, None, wanted).await
}

async fn page(api: &Api, mac: Option<Mac>, wanted: Wanted) -> Result<Json<Timeline>, ApiError> {
    let page = Page { mac, after: wanted.after, limit: wanted.limit.unwrap_or(USUAL).clamp(1, MOST) };
    let events = api.appliance.store.event_page(page).await?;
    let next = events.last().map_or(wanted.after.unwrap_or_default(), |event| event.id);
    Ok(Json(Timeline { events, next }))
}
