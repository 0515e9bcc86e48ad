//! The orders of the command line: translated, given to `operate`, and its refusals put into words.

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::server::answer::HttpError;
use crate::server::appliance::Appliance;
use crate::server::caller::Caller;
use crate::server::operate::{Armed, NodeStatus, Refusal, Rehearsal, Reimage};

/// The body of an order to reimage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReimageBody {
    /// Exact names.
    pub nodes: Vec<String>,
    /// Keep the volume groups that the site file names.
    #[serde(default)]
    pub keep: bool,
    /// How many nodes the operator believes this is.
    #[serde(default)]
    pub count: Option<usize>,
    /// Why the rules about replicas and only nodes are overruled.
    #[serde(default)]
    pub force: Option<String>,
    /// Why nodes whose system runs are not drained before.
    #[serde(default)]
    pub no_drain: Option<String>,
}

/// The body of an order that needs a reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReasonBody {
    /// In the operator's words.
    pub reason: String,
}

/// What an order to stop came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StopAnswer {
    /// The nodes that were armed.
    pub disarmed: Vec<String>,
}

type Answer<T> = Result<Json<T>, HttpError>;

/// Their routes.
pub(super) fn routes() -> Router<Appliance> {
    Router::new()
        .route("/v1/install/{node}", post(install))
        .route("/v1/reimage", post(reimage))
        .route("/v1/reimage/rehearse", post(rehearse))
        .route("/v1/reimage/drain", post(drain))
        .route("/v1/disarm/{node}", post(disarm))
        .route("/v1/give-up/{node}", post(give_up))
        .route("/v1/clear-suspect/{node}", post(clear_suspect))
        .route("/v1/accept-hardware/{node}", post(accept_hardware))
        .route("/v1/protected/{node}/{on}", post(protect))
        .route("/v1/maintenance/{node}/{on}", post(maintenance))
        .merge(stops())
}

/// Those that need no daemon.
pub(super) fn stops() -> Router<Appliance> {
    Router::new().route("/v1/stop", post(stop)).route("/v1/stop/lift", post(lift))
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::UnknownNode(_) => StatusCode::NOT_FOUND,
            Refusal::Nobody | Refusal::Reason => StatusCode::BAD_REQUEST,
            Refusal::OwnCardsUnknown(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Blast(_)
            | Refusal::CannotKeep { .. }
            | Refusal::State { .. }
            | Refusal::NotStopped
            | Refusal::Clock(_)
            | Refusal::SiteEdited => StatusCode::CONFLICT,
        };
        let help: String = refusal.help().iter().map(|line| format!("\nhelp: {line}")).collect();
        Self::new(status, format!("{refusal}{help}"))
    }
}

async fn install(Caller(who): Caller, Shared(appliance): Shared<Appliance>, Path(node): Path<String>) -> Answer<Armed> {
    Ok(Json(appliance.install(&who, &node).await?))
}

async fn reimage(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Json(body): Json<ReimageBody>,
) -> Answer<Armed> {
    Ok(Json(appliance.reimage(&who, body.into()).await?))
}

async fn rehearse(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Json(body): Json<ReimageBody>,
) -> Answer<Rehearsal> {
    Ok(Json(appliance.rehearse(&who, &body.into()).await?))
}

async fn drain(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Json(body): Json<ReimageBody>,
) -> Answer<Vec<NodeStatus>> {
    Ok(Json(appliance.drain(&who, body.into()).await?))
}

async fn disarm(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path(node): Path<String>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.disarm(&who, &node).await?))
}

async fn give_up(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path(node): Path<String>,
    Json(body): Json<ReasonBody>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.give_up(&who, &node, &body.reason).await?))
}

async fn clear_suspect(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path(node): Path<String>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.clear_suspect(&who, &node).await?))
}

async fn accept_hardware(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path(node): Path<String>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.accept_hardware(&who, &node).await?))
}

async fn protect(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path((node, on)): Path<(String, OnOff)>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.protect(&who, &node, on == OnOff::On).await?))
}

async fn maintenance(
    Caller(who): Caller,
    Shared(appliance): Shared<Appliance>,
    Path((node, on)): Path<(String, OnOff)>,
) -> Answer<NodeStatus> {
    Ok(Json(appliance.maintenance(&who, &node, on == OnOff::On).await?))
}

async fn stop(Caller(who): Caller, Shared(appliance): Shared<Appliance>) -> Answer<StopAnswer> {
    Ok(Json(StopAnswer { disarmed: appliance.stop(&who).await? }))
}

async fn lift(Caller(who): Caller, Shared(appliance): Shared<Appliance>) -> Answer<()> {
    Ok(Json(appliance.lift_stop(&who).await?))
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnOff {
    On,
    Off,
}

impl From<ReimageBody> for Reimage {
    fn from(body: ReimageBody) -> Self {
        let ReimageBody { nodes, keep, count, force, no_drain } = body;
        Self { nodes, keep, count, forced: force, undrained: no_drain }
    }
}
