//! The power of a node: what its BMC shows, and orders to switch it.

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiResult, ErrorBody};
use crate::power::{Action, Seen};
use crate::server::operate::power::Switched;

/// What the BMC of a node shows. It is asked now, which takes seconds.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/power", tag = "orders",
    params(("name", description = "name of the node")),
    responses((status = 200, body = Seen), (status = 404, body = ErrorBody),
              (status = 409, description = "the site file names no BMC of the node", body = ErrorBody),
              (status = 502, description = "the BMC does not answer, or refuses", body = ErrorBody)))]
pub(super) async fn show(Shared(api): Shared<Api>, Path(name): Path<String>) -> ApiResult<Seen> {
    Ok(Json(api.appliance.power_of(&name).await?))
}

/// An order about the power of a node.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PowerOrder {
    /// What to do.
    pub action: Action,
}

/// Switches a node by its BMC. Whatever could stop it is refused for a node that is protected or in maintenance.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/power", tag = "orders", request_body = PowerOrder,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Switched), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
              (status = 502, description = "the BMC does not answer, or refuses", body = ErrorBody)))]
pub(super) async fn switch(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(PowerOrder { action }): Body<PowerOrder>,
) -> ApiResult<Switched> {
    Ok(Json(api.appliance.switch(caller.actor(), &name, action).await?))
}
