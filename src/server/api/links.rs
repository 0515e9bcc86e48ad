//! One-time links to the pages. They are made at the socket only.

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiError, ApiResult, ErrorBody};
use super::people::LINK;
use super::role::Role;

/// A request for a link.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// What the person may do: `viewer`, `operator` or `admin`.
    pub role: Role,
}

/// A link that signs in once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MadeLink {
    /// The address of the page.
    pub url: String,
    /// Seconds until it can no longer be used.
    pub seconds: u64,
    /// More names of the API, from `hosts`.
    pub hosts: Vec<String>,
}

/// Makes a link to the pages that signs in once.
#[utoipa::path(post, path = "/api/v1/links", tag = "people", request_body = NewLink,
    responses((status = 200, body = MadeLink), (status = 409, description = "there are no pages without `[api]`", body = ErrorBody)))]
pub(super) async fn make(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(NewLink { role }): Body<NewLink>,
) -> ApiResult<MadeLink> {
    let site = api.appliance.site();
    let Some(own) = &site.api else {
        let error = "the site file has no `[api]`, so there are no pages";
        let help = "add `[api]` with `listen = \"127.0.0.1:8081\"` to the site file, and restart the daemon";
        return Err(ApiError {
            hints: vec![help.into()],
            ..ApiError::new(axum::http::StatusCode::CONFLICT, error, help)
        });
    };
    let secret = api.keeper.make_link(caller.actor(), role.max(Role::Viewer));
    let url = format!("http://{}/sign-in/{secret}", own.listen);
    Ok(Json(MadeLink { url, seconds: LINK.as_secs(), hosts: own.hosts.clone() }))
}
