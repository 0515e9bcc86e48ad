//! The event log, in pages: of one node, and of all.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::server::story;
use crate::site::Mac;
use crate::store::{EventPage, NumberedEvent, TimelineQuery};
use crate::timeline::{Cursor, Moment};

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
    #[param(maximum = 65535)]
    limit: Option<u16>,
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
    let page = EventPage { mac, after: wanted.after, limit: wanted.limit.map_or(USUAL, u32::from).clamp(1, MOST) };
    let events = api.appliance.store.event_page(page).await?;
    let next = events.last().map_or(wanted.after.unwrap_or_default(), |event| event.id);
    Ok(Json(Timeline { events, next }))
}

/// Which part of a story.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Chapter {
    /// Nothing before these Unix seconds.
    #[param(maximum = 4294967295.0)]
    since: Option<u32>,
    /// `moment` of the last answer's `next`.
    moment: Option<i64>,
    /// `event` of the last answer's `next`.
    event: Option<i64>,
    /// The newest so many lines: 1 to 1000, 100 when missing.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

/// One line of a story. Times are Unix seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// When.
    at: u64,
    /// Milliseconds within that second.
    ms: u16,
    /// The last time that it happened again.
    until: u64,
    /// How often until then.
    times: u32,
    /// `dhcp`, `tftp`, `http`, `silence`, `installer`, or `node` for what changed its state.
    source: String,
    /// What was asked, answered, and why; a machine's own words may be in it.
    text: String,
}

impl From<Moment> for Line {
    fn from(moment: Moment) -> Self {
        let Moment { at, ms, until, times, source, text, .. } = moment;
        Self { at, ms, until, times, source, text }
    }
}

/// Everything that was seen of a machine, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Story {
    /// The lines.
    lines: Vec<Line>,
    /// Where the next answer begins.
    next: Place,
}

/// How far a story was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
    /// The newest moment.
    moment: i64,
    /// The newest event.
    event: i64,
}

/// What a machine asked, what it was answered and why, silences included; also of machines that no node is.
#[utoipa::path(get, path = "/api/v1/stories/{mac}", tag = "timelines",
    params(("mac" = String, Path, description = "the MAC of a machine", pattern = r"^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{12})$"), Chapter),
    responses((status = 200, body = Story), (status = 400, description = "this is no MAC", body = ErrorBody)))]
pub async fn story(
    Shared(api): Shared<Api>,
    Path(mac): Path<String>,
    Query(chapter): Query<Chapter>,
) -> Result<Json<Story>, ApiError> {
    let mac: Mac = mac.parse().map_err(|error: crate::site::MacError| {
        ApiError::new(StatusCode::BAD_REQUEST, error.to_string(), "write it as 52:54:00:a8:02:01")
    })?;
    let after = Cursor { moment: chapter.moment.unwrap_or_default(), event: chapter.event.unwrap_or_default() };
    let limit = chapter.limit.map_or(USUAL, u32::from).clamp(1, MOST);
    let query = TimelineQuery { mac, since: chapter.since.unwrap_or_default().into(), after, limit };
    let page = story::read(&api.appliance, query).await?;
    let next = Place { moment: page.next.moment, event: page.next.event };
    Ok(Json(Story { lines: page.moments.into_iter().map(Line::from).collect(), next }))
}
