//! Tokens are made and revoked only at the socket, by root or the daemon's own user.

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::{Body, whole_number};
use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use super::keeper::TokenError;
use super::orders::Nothing;
use super::role::Role;
use crate::clock::unix_now;
use crate::store::StoredToken;

/// A request for a new token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// The person or program that will hold it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How many days it is valid; `None`: until it is revoked.
    #[serde(default, deserialize_with = "whole_number")]
    pub days: Option<u64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MadeToken {
    /// The complete token; it cannot be shown again.
    pub token: String,
    /// Everything else about the token.
    pub view: TokenView,
    /// Whether the API listens over TCP.
    pub api_is_on: bool,
}

/// A token without its secret. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TokenView {
    /// The public id of the token.
    pub id: String,
    /// The person or program that holds it.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// `valid`, `expired` or `revoked`.
    pub standing: String,
    /// When it was made.
    pub created: u64,
    /// When it expires; `None`: never.
    pub expires: Option<u64>,
    /// When it was revoked.
    pub revoked: Option<u64>,
}

impl From<StoredToken> for TokenView {
    fn from(token: StoredToken) -> Self {
        let StoredToken { id, name, role, created, expires, revoked, .. } = token;
        let standing = match (revoked, expires) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= unix_now() => "expired",
            _ => "valid",
        };
        Self { id, name, role, standing: standing.into(), created, expires, revoked }
    }
}

/// Lists all tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", responses((status = 200, body = [TokenView])))]
pub(super) async fn list(Shared(api): Shared<Api>, caller: Caller) -> Result<Json<Vec<TokenView>>, ApiError> {
    if caller.holder.is_none() {
        caller.owns_tokens()?;
    }
    Ok(Json(api.keeper.list().into_iter().map(TokenView::from).collect()))
}

/// Makes a token. Only this answer ever shows it.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", request_body = NewToken,
    responses((status = 200, body = MadeToken), (status = 409, description = "a valid token has this name", body = ErrorBody)))]
pub(super) async fn create(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(NewToken { name, role, days }): Body<NewToken>,
) -> Result<Json<MadeToken>, ApiError> {
    let token = api.keeper.create(&name, role, days, caller.owns_tokens()?).await?;
    let made = api.keeper.list().into_iter().find(|made| made.id == token.id());
    let view = made.map(TokenView::from).ok_or_else(|| TokenError::Missing(name.clone()))?;
    tracing::warn!(token = name, %role, id = token.id(), "an API token was made");
    let api_is_on = api.appliance.site().api.is_some();
    Ok(Json(MadeToken { token: token.reveal().into(), view, api_is_on }))
}

/// Revokes a token, at once.
#[utoipa::path(post, path = "/api/v1/tokens/{name}/revoke", tag = "people", request_body = Nothing,
    params(("name", description = "name of the token")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub(super) async fn revoke(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<StatusCode, ApiError> {
    api.keeper.revoke(&name, caller.owns_tokens()?).await?;
    tracing::warn!(token = name, "an API token was revoked");
    Ok(StatusCode::NO_CONTENT)
}
