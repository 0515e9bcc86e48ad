//! Who is signed in to the pages, and how somebody else ends that.

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use super::orders::Nothing;
use crate::store::StoredSession;

/// Letters of a session's id that are shown; 48 bits tell sessions apart.
const SHOWN: usize = 12;

/// Somebody who is signed in to the pages. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SessionView {
    /// What names the session in an order; it signs nobody in.
    pub id: String,
    /// The person, as the audit log names it.
    pub who: String,
    /// What the person may do.
    pub role: String,
    /// When the person signed in.
    pub since: u64,
    /// When the session ends by itself.
    pub ends: u64,
}

impl From<StoredSession> for SessionView {
    fn from(session: StoredSession) -> Self {
        let StoredSession { id, who, role, created, expires, .. } = session;
        Self { id: shown(&id).into(), who, role, since: created, ends: expires }
    }
}

fn shown(id: &str) -> &str {
    id.get(..SHOWN).unwrap_or(id)
}

/// Lists who is signed in to the pages.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "people", responses((status = 200, body = [SessionView])))]
pub(super) async fn list(Shared(api): Shared<Api>) -> Json<Vec<SessionView>> {
    Json(api.keeper.sessions().into_iter().map(SessionView::from).collect())
}

/// Ends a session, at once: the person is asked to sign in again.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/end", tag = "people", request_body = Nothing,
    params(("id", description = "id of the session")),
    responses((status = 204), (status = 404, description = "there is no such session", body = ErrorBody)))]
pub(super) async fn end(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<StatusCode, ApiError> {
    let Some(session) = api.keeper.sessions().into_iter().find(|session| shown(&session.id) == id) else {
        let error = format!("there is no session `{}`", id.escape_debug());
        return Err(ApiError::new(StatusCode::NOT_FOUND, error, "`rackstart session list` shows who is signed in"));
    };
    api.keeper.end_session(&session, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
