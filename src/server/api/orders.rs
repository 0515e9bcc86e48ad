//! Orders: each is translated and passed to `operate` with the name of the caller.

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::body::{Body, whole_number};
use super::caller::Caller;
use super::error::{ApiError, ApiResult, ErrorBody};
use super::outcome::{ArmedView, Standing, StoppedView};
use crate::server::operate::reload::{Foreseen, Reloaded};
use crate::server::operate::{NodeStatus, Rehearsal, Reimage};

/// Arms a node for a blank disk, so that no data can be lost.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/install", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = ArmedView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn install(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<ArmedView> {
    Ok(Json(api.appliance.install(caller.actor(), &name).await?.into()))
}

/// The body of an order without parameters: `{}`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// An order to wipe and reinstall nodes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wipe {
    /// The exact names of the nodes, as a person would have to type them.
    #[schema(min_items = 1)]
    pub nodes: Vec<String>,
    /// Keep the volume groups that the site file names in `keep`.
    #[serde(default)]
    pub keep: bool,
    /// The number of nodes. Required for more than five nodes, or for more than a tenth of the site.
    #[schema(maximum = 4294967295.0)]
    #[serde(default, deserialize_with = "whole_number")]
    pub count: Option<u32>,
    /// Why the rules about copies and about the only node of a role are overridden. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub force: Option<String>,
    /// Why nodes whose system runs are not drained first. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub no_drain: Option<String>,
}

impl From<Wipe> for Reimage {
    fn from(wipe: Wipe) -> Self {
        let Wipe { nodes, keep, count, force, no_drain } = wipe;
        Self { nodes, keep, count: count.map(|count| count as usize), forced: force, undrained: no_drain }
    }
}

/// Arms nodes again: their next network boot WIPES their disks.
#[utoipa::path(post, path = "/api/v1/reimage", tag = "orders", request_body = Wipe,
    responses((status = 200, body = ArmedView), (status = 404, body = ErrorBody),
              (status = 409, description = "every reason against it", body = ErrorBody)))]
pub(super) async fn reimage(Shared(api): Shared<Api>, caller: Caller, Body(wipe): Body<Wipe>) -> ApiResult<ArmedView> {
    Ok(Json(api.appliance.reimage(caller.actor(), wipe.into()).await?.into()))
}

/// Says how an order to reimage would be answered and what it would cost. Changes nothing.
#[utoipa::path(post, path = "/api/v1/reimage/rehearse", tag = "orders", request_body = Wipe,
    responses((status = 200, description = "it would be accepted, and this would be lost", body = Rehearsal),
              (status = 404, body = ErrorBody),
              (status = 409, description = "every reason against it", body = ErrorBody)))]
pub(super) async fn rehearse(Shared(api): Shared<Api>, caller: Caller, Body(wipe): Body<Wipe>) -> ApiResult<Rehearsal> {
    Ok(Json(api.appliance.rehearse(caller.actor(), &wipe.into()).await?))
}

/// Starts to take nodes whose system runs out of the cloud; `GET /api/v1/nodes/{name}` shows the progress. An order to
/// reimage them needs the outcome `drained`, or `unreached` for a node that is not ready.
#[utoipa::path(post, path = "/api/v1/reimage/drain", tag = "orders", request_body = Wipe,
    responses((status = 200, body = Vec<NodeStatus>), (status = 404, body = ErrorBody),
              (status = 409, description = "every reason against it", body = ErrorBody)))]
pub(super) async fn drain(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(wipe): Body<Wipe>,
) -> ApiResult<Vec<NodeStatus>> {
    Ok(Json(api.appliance.drain(caller.actor(), wipe.into()).await?))
}

/// Takes an unspent wipe permit back.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/disarm", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn disarm(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.disarm(caller.actor(), &name).await?.into()))
}

/// Protects a node: it is never armed.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/protect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub(super) async fn protect(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.protect(caller.actor(), &name, true).await?.into()))
}

/// Removes the protection of a node.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/unprotect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub(super) async fn unprotect(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.protect(caller.actor(), &name, false).await?.into()))
}

/// Whether something begins or ends.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// `true`: it begins.
    pub on: bool,
}

/// Begins or ends maintenance: such a node is never armed, and its silence raises no alarm.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/maintenance", tag = "orders", request_body = Switch,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub(super) async fn maintenance(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Switch { on }): Body<Switch>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.maintenance(caller.actor(), &name, on).await?.into()))
}

/// The operator's reason for an order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// One line. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub reason: String,
}

/// Declares an installer or a firstboot dead: the node is `failed` and can be armed again.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/give-up", tag = "orders", request_body = Reason,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn give_up(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.give_up(caller.actor(), &name, &reason).await?.into()))
}

/// Trusts a suspect node again.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/clear-suspect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn clear_suspect(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.clear_suspect(caller.actor(), &name).await?.into()))
}

/// Accepts the other machine that was seen as this node as the node from now on.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/accept-hardware", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn accept_hardware(
    Shared(api): Shared<Api>,
    caller: Caller,
    Path(name): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<Standing> {
    Ok(Json(api.appliance.accept_hardware(caller.actor(), &name).await?.into()))
}

/// Loads the edited site file. A refusal is also a 200 answer: its reasons are for people.
#[utoipa::path(post, path = "/api/v1/reload", tag = "orders", request_body = Nothing,
    responses((status = 200, body = Reloaded)))]
pub(super) async fn reload(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Json<Reloaded> {
    Json(api.reloader.reload(caller.actor()).await)
}

/// Says why the site file, as it is now, would not be loaded, apart from keys that are read only at the start. Nothing
/// is loaded.
#[utoipa::path(get, path = "/api/v1/reload", tag = "orders", responses((status = 200, body = Foreseen)))]
pub(super) async fn foresee(Shared(api): Shared<Api>) -> Json<Foreseen> {
    Json(api.reloader.foresee().await)
}

/// Disarms every node whose permit is not redeemed, and forbids arming and redeeming until the stop is lifted.
#[utoipa::path(post, path = "/api/v1/stop", tag = "orders", request_body = Nothing,
    responses((status = 200, body = StoppedView)))]
pub(super) async fn stop(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> ApiResult<StoppedView> {
    Ok(Json(StoppedView { disarmed: api.appliance.stop(caller.actor()).await? }))
}

/// Allows installations again. Nodes that were disarmed stay disarmed.
#[utoipa::path(post, path = "/api/v1/stop/lift", tag = "orders", request_body = Nothing,
    responses((status = 204), (status = 409, body = ErrorBody)))]
pub(super) async fn lift(
    Shared(api): Shared<Api>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<StatusCode, ApiError> {
    api.appliance.lift_stop(caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
