//! Tokens are made, listed and ended on the Unix socket alone, by root or the daemon's own user.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keeper::{Keeper, TokenError};
use super::role::Role;
use crate::audit::Actor;
use crate::clock::unix_now;
use crate::server::answer::HttpError;
use crate::server::socket::Caller;
use crate::store::StoredToken;

/// A wish for a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewToken {
    /// Who will have it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How many days it is valid; none: until it is revoked.
    pub days: Option<u64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, Deserialize)]
pub struct MadeToken {
    /// The whole token; nobody can show it again.
    pub token: String,
    /// The rest.
    pub view: TokenView,
    /// Whether the API listens at all.
    pub api_is_on: bool,
}

/// A token without its secret. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The public beginning of the token.
    pub id: String,
    /// Who has it.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// `valid`, `expired` or `revoked`.
    pub standing: String,
    /// When it was made.
    pub created: u64,
    /// From when on it is worth nothing; none: never.
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

#[derive(Clone)]
struct Desk {
    keeper: Arc<Keeper>,
    api_is_on: bool,
}

/// The routes of the socket that are about tokens.
pub fn routes(keeper: Arc<Keeper>, api_is_on: bool) -> Router {
    Router::new()
        .route("/v1/tokens", get(list).post(create))
        .route("/v1/tokens/{name}/revoke", post(revoke))
        .with_state(Desk { keeper, api_is_on })
}

async fn list(
    Shared(desk): Shared<Desk>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<TokenView>>, HttpError> {
    owner(&caller)?;
    Ok(Json(desk.keeper.list().into_iter().map(TokenView::from).collect()))
}

async fn create(
    Shared(desk): Shared<Desk>,
    Extension(caller): Extension<Caller>,
    Json(NewToken { name, role, days }): Json<NewToken>,
) -> Result<Json<MadeToken>, HttpError> {
    let token = desk.keeper.create(&name, role, days, &owner(&caller)?).await.map_err(refuse)?;
    let made = desk.keeper.list().into_iter().find(|made| made.id == token.id());
    let view = made.map(TokenView::from).ok_or_else(|| refuse(TokenError::Missing(name.clone())))?;
    tracing::warn!(token = name, %role, id = token.id(), "an API token was made");
    Ok(Json(MadeToken { token: token.reveal().into(), view, api_is_on: desk.api_is_on }))
}

async fn revoke(
    Shared(desk): Shared<Desk>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<()>, HttpError> {
    desk.keeper.revoke(&name, &owner(&caller)?).await.map_err(refuse)?;
    tracing::warn!(token = name, "an API token was revoked");
    Ok(Json(()))
}

/// The group of the socket may order; who may get in over the network is decided by its owner alone.
fn owner(caller: &Caller) -> Result<Actor, HttpError> {
    if caller.is_owner() {
        return Ok(caller.actor());
    }
    let reason = "tokens are for root and the daemon's own user; run it with sudo";
    Err(HttpError::new(StatusCode::FORBIDDEN, reason))
}

fn refuse(error: TokenError) -> HttpError {
    let status = match &error {
        TokenError::Name(_) => StatusCode::BAD_REQUEST,
        TokenError::Taken(_) => StatusCode::CONFLICT,
        TokenError::Missing(_) => StatusCode::NOT_FOUND,
        TokenError::Hash(_) | TokenError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    HttpError::new(status, error.to_string())
}
