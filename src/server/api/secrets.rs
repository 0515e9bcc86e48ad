//! The passwords of the cloud, only at the socket.

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiResult, ErrorBody};
use super::orders::Nothing;
use crate::server::operate::secrets::{self, Revealed, Rotated, SecretStatus};

/// Lists all secrets, without their values.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", responses((status = 200, body = [SecretStatus])))]
pub(super) async fn list(Shared(api): Shared<Api>) -> Json<Vec<SecretStatus>> {
    Json(secrets::list(&api.appliance.site(), &api.appliance.store))
}

/// A secret's value chosen by the operator.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewValue {
    /// The value itself.
    pub value: String,
}

/// Sets a secret to a value.
#[utoipa::path(post, path = "/api/v1/secrets/{secret}", tag = "secrets", request_body = NewValue,
    params(("secret", description = "name of the secret")),
    responses((status = 200, body = Rotated), (status = 404, body = ErrorBody)))]
pub(super) async fn set(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    caller: Caller,
    Body(NewValue { value }): Body<NewValue>,
) -> ApiResult<Rotated> {
    Ok(Json(secrets::set(&api.appliance.site(), &api.appliance.store, caller.actor(), name, value).await?))
}

/// Makes a new value for one secret.
#[utoipa::path(post, path = "/api/v1/secrets/{secret}/rotate", tag = "secrets", request_body = Nothing,
    params(("secret", description = "name of the secret")),
    responses((status = 200, body = Rotated), (status = 404, body = ErrorBody)))]
pub(super) async fn rotate(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Rotated> {
    Ok(Json(secrets::rotate(&api.appliance.site(), &api.appliance.store, caller.actor(), Some(name)).await?))
}

/// Makes a new value for every secret.
#[utoipa::path(post, path = "/api/v1/rotate-secrets", tag = "secrets", request_body = Nothing,
    responses((status = 200, body = Rotated)))]
pub(super) async fn rotate_all(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Rotated> {
    Ok(Json(secrets::rotate(&api.appliance.site(), &api.appliance.store, caller.actor(), None).await?))
}

/// Shows a secret in the clear; the audit log records it.
#[utoipa::path(post, path = "/api/v1/secrets/{secret}/reveal", tag = "secrets", request_body = Nothing,
    params(("secret", description = "name of the secret")),
    responses((status = 200, body = Revealed), (status = 404, body = ErrorBody)))]
pub(super) async fn reveal(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Revealed> {
    Ok(Json(secrets::reveal(&api.appliance.site(), &api.appliance.store, &caller.person, name).await?))
}

/// Shows the secrets of a node in the clear, as its `secrets` file holds them; the audit log records it.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/reveal-secrets", tag = "secrets", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Revealed), (status = 404, body = ErrorBody)))]
pub(super) async fn reveal_of_node(
    Shared(api): Shared<Api>,
    Path(name): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Revealed> {
    Ok(Json(secrets::reveal_of_node(&api.appliance.site(), &api.appliance.store, &caller.person, name).await?))
}
