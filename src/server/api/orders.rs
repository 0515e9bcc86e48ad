//! Orders: translated, given to `operate` with the name of the token, and its refusals put into words.

use axum::extract::{ConnectInfo, FromRequestParts, Path, State as Shared};
use axum::http::{StatusCode, request::Parts};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use utoipa::ToSchema;

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::keeper::Holder;
use super::outcome::{ArmedView, Standing, StoppedView};
use crate::audit::Actor;
use crate::server::operate::{NodeStatus, Refusal, Rehearsal, Reimage};

/// Who gives the order: the name of the token, and where it came from.
pub struct Who(Actor);

impl FromRequestParts<Api> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let holder = Extension::<Holder>::from_request_parts(parts, api).await;
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, api).await;
        match (holder, peer) {
            (Ok(Extension(holder)), Ok(ConnectInfo(peer))) => {
                Ok(Self(Actor::token(&holder.name, peer.ip().to_canonical())))
            }
            // The router puts the door in front of every route; an order that came around it is nobody's.
            _ => Err(ApiError::new(StatusCode::UNAUTHORIZED, "nobody gave this order", "send a token")),
        }
    }
}

type Answer<T> = Result<Json<T>, ApiError>;

/// Arms a node for a blank disk: nothing can be lost.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/install", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = ArmedView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn install(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer<ArmedView> {
    Ok(Json(api.appliance.install(&who.0, &name).await?.into()))
}

/// An order without further words: `{}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// An order to wipe and install anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wipe {
    /// The exact names of the nodes, as a person would have to type them.
    #[schema(min_items = 1)]
    nodes: Vec<String>,
    /// Leave the volume groups that the site file keeps.
    #[serde(default)]
    keep: bool,
    /// How many nodes this is. Needed when it is more than five, or more than a tenth of the site.
    #[schema(maximum = 4294967295.0)]
    count: Option<u32>,
    /// Why the rules about replicas and the only controller are overruled. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    force: Option<String>,
    /// Why nodes whose system runs are not drained before. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    no_drain: Option<String>,
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
              (status = 409, description = "why not, all reasons at once", body = ErrorBody)))]
pub async fn reimage(Shared(api): Shared<Api>, who: Who, Json(wipe): Json<Wipe>) -> Answer<ArmedView> {
    Ok(Json(api.appliance.reimage(&who.0, wipe.into()).await?.into()))
}

/// Says what an order to reimage would be answered and what it would cost, and changes nothing.
#[utoipa::path(post, path = "/api/v1/reimage/rehearse", tag = "orders", request_body = Wipe,
    responses((status = 200, description = "it would be followed, and this is lost", body = Rehearsal),
              (status = 404, body = ErrorBody),
              (status = 409, description = "why not, all reasons at once", body = ErrorBody)))]
pub async fn rehearse(Shared(api): Shared<Api>, who: Who, Json(wipe): Json<Wipe>) -> Answer<Rehearsal> {
    Ok(Json(api.appliance.rehearse(&who.0, &wipe.into()).await?))
}

/// Where the drain of a node is.
#[derive(Debug, Serialize, ToSchema)]
pub struct DrainView {
    /// Its name.
    name: String,
    /// `waits`, `drained`, `unreached` or `refused`; none for a node that need not be drained.
    outcome: Option<String>,
    /// In words, some of them a machine's.
    text: Option<String>,
}

/// Begins to take nodes whose system runs out of the cloud; `GET /api/v1/nodes/{name}` tells how it goes. An order to reimage
/// them needs the outcome `drained`, or `unreached` when it is not ready.
#[utoipa::path(post, path = "/api/v1/reimage/drain", tag = "orders", request_body = Wipe,
    responses((status = 200, body = Vec<DrainView>), (status = 404, body = ErrorBody),
              (status = 409, description = "why not, all reasons at once", body = ErrorBody)))]
pub async fn drain(Shared(api): Shared<Api>, who: Who, Json(wipe): Json<Wipe>) -> Answer<Vec<DrainView>> {
    let nodes = api.appliance.drain(&who.0, wipe.into()).await?;
    let view = |NodeStatus { name, drain, .. }| {
        let (outcome, text) = drain.map(|drain| (drain.outcome, drain.text)).unzip();
        DrainView { name, outcome, text }
    };
    Ok(Json(nodes.into_iter().map(view).collect()))
}

/// Takes an unspent wipe permit back.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/disarm", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn disarm(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.disarm(&who.0, &name).await?.into()))
}

/// Protects a node: it is never armed.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/protect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub async fn protect(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.protect(&who.0, &name, true).await?.into()))
}

/// Takes the protection of a node away.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/unprotect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub async fn unprotect(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.protect(&who.0, &name, false).await?.into()))
}

/// Whether something begins or ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// `true`: it begins.
    on: bool,
}

/// Begins or ends maintenance: such a node is never armed, and its silence rings no alarm.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/maintenance", tag = "orders", request_body = Switch,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody)))]
pub async fn maintenance(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Switch { on }): Json<Switch>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.maintenance(&who.0, &name, on).await?.into()))
}

/// Why an operator orders it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One line. Stored.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: String,
}

/// Declares an installer or a firstboot dead: the node is `failed` and can be armed again.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/give-up", tag = "orders", request_body = Reason,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn give_up(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Reason { reason }): Json<Reason>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.give_up(&who.0, &name, &reason).await?.into()))
}

/// Trusts a suspect node again.
#[utoipa::path(post, path = "/api/v1/nodes/{name}/clear-suspect", tag = "orders", request_body = Nothing,
    params(("name", description = "name of the node")),
    responses((status = 200, body = Standing), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn clear_suspect(
    Shared(api): Shared<Api>,
    who: Who,
    Path(name): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer<Standing> {
    Ok(Json(api.appliance.clear_suspect(&who.0, &name).await?.into()))
}

/// Disarms every node whose permit is not redeemed, and lets nothing be armed or redeemed until it is lifted.
#[utoipa::path(post, path = "/api/v1/stop", tag = "orders", request_body = Nothing,
    responses((status = 200, body = StoppedView)))]
pub async fn stop(Shared(api): Shared<Api>, who: Who, Json(Nothing {}): Json<Nothing>) -> Answer<StoppedView> {
    Ok(Json(StoppedView { disarmed: api.appliance.stop(&who.0).await? }))
}

/// Allows installations again. What was disarmed stays so.
#[utoipa::path(post, path = "/api/v1/stop/lift", tag = "orders", request_body = Nothing,
    responses((status = 204), (status = 409, body = ErrorBody)))]
pub async fn lift(Shared(api): Shared<Api>, who: Who, Json(Nothing {}): Json<Nothing>) -> Result<StatusCode, ApiError> {
    api.appliance.lift_stop(&who.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, usual) = match &refusal {
            Refusal::UnknownNode(_) => (StatusCode::NOT_FOUND, "`GET /api/v1/nodes` lists them"),
            Refusal::Nobody => (StatusCode::BAD_REQUEST, "write exact names into `nodes`"),
            Refusal::Reason => (StatusCode::BAD_REQUEST, "say why in one line"),
            Refusal::OwnCardsUnknown(_) => (StatusCode::INTERNAL_SERVER_ERROR, "look at the daemon's log"),
            Refusal::Store(lost) => return ApiError::from(lost.clone()),
            Refusal::Blast(_)
            | Refusal::CannotKeep { .. }
            | Refusal::State { .. }
            | Refusal::NotStopped
            | Refusal::Clock(_)
            | Refusal::SiteEdited => (StatusCode::CONFLICT, "ask for the node's state first"),
        };
        let help = refusal.help().join("; ");
        Self::new(status, refusal.to_string(), if help.is_empty() { usual.into() } else { help })
    }
}
