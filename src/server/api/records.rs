//! The audit log, and copies of the store.

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::body::Body;
use super::caller::Caller;
use super::error::{ApiError, ErrorBody};
use super::orders::Nothing;
use crate::audit::AuditLine;
use crate::server::operate::records::{self, AuditVerdict, Sealed};
use crate::store::AuditFilter;

/// Which lines of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Part of the actor: `uid 0`, `token alice`.
    who: Option<String>,
    /// The action: `reimage`, `create-token`.
    action: Option<String>,
    /// The subject: the name of a node. What concerned all nodes is shown with each: `stop`, `lift-stop`, `restore`.
    subject: Option<String>,
    /// No lines older than this, in Unix seconds.
    #[param(maximum = 4294967295.0)]
    since: Option<u32>,
    /// The largest number of lines in the answer, the newest ones: 1 to 1000, 100 when missing; no limit at the socket.
    #[param(maximum = 4294967295.0)]
    limit: Option<u32>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its number in the log.
    pub id: u64,
    /// Unix seconds.
    pub at: u64,
    /// The person or program that acted.
    pub who: String,
    /// Where the order came from.
    pub from: String,
    /// The action.
    pub action: String,
    /// What the action was about.
    pub subject: String,
    /// Details, in words.
    pub detail: String,
    /// `done`, or `refused: ` and the reason.
    pub outcome: String,
    /// The hash of the chain up to and including this line.
    pub hash: String,
}

impl From<AuditLine> for AuditView {
    fn from(line: AuditLine) -> Self {
        let AuditLine { id, at, actor, action, subject, detail, outcome, hash } = line;
        Self { id, at, who: actor.how, from: actor.from, action, subject, detail, outcome, hash: hash.to_string() }
    }
}

/// Returns the newest lines of the audit log, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(AuditParams), responses((status = 200, body = [AuditView])))]
pub(super) async fn audit(
    Shared(api): Shared<Api>,
    caller: Caller,
    Query(wanted): Query<AuditParams>,
) -> Result<Json<Vec<AuditView>>, ApiError> {
    let AuditParams { who, action, subject, since, limit } = wanted;
    let limit = Some(limit.unwrap_or(100).clamp(1, caller.most(1000)));
    let filter = AuditFilter { who, action, subject, since: since.map(u64::from), limit, ..AuditFilter::default() };
    let lines = records::audit_lines(&api.appliance.site(), &api.appliance.store, filter).await?;
    Ok(Json(lines.into_iter().map(AuditView::from).collect()))
}

/// A head that the caller has noted elsewhere.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Noted {
    /// `NUMBER:HASH`, as an earlier answer gave it.
    head: Option<String>,
}

/// Checks the audit log against its hash chain, and against a head that was noted earlier.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "people", params(Noted),
    responses((status = 200, body = AuditVerdict), (status = 400, description = "not a head", body = ErrorBody)))]
pub(super) async fn verify(
    Shared(api): Shared<Api>,
    Query(Noted { head }): Query<Noted>,
) -> Result<Json<AuditVerdict>, ApiError> {
    Ok(Json(records::verify_audit(&api.appliance.store, head).await?))
}

/// Says whether the secrets are sealed in the store.
#[utoipa::path(get, path = "/api/v1/sealed", tag = "secrets", responses((status = 200, body = Sealed)))]
pub(super) async fn sealed(Shared(api): Shared<Api>) -> Result<Json<Sealed>, ApiError> {
    Ok(Json(records::sealed(&api.appliance.store).await?))
}

/// What goes into a backup.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Contents {
    /// Include the secrets although they are not sealed; only for root and the daemon's own user.
    #[serde(default)]
    with_secrets: bool,
}

/// Returns the whole store in one file.
#[utoipa::path(post, path = "/api/v1/backup", tag = "people", params(Contents), request_body = Nothing,
    responses((status = 200, description = "a database file", body = String, content_type = "application/octet-stream")))]
pub(super) async fn backup(
    Shared(api): Shared<Api>,
    Query(Contents { with_secrets }): Query<Contents>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<impl IntoResponse, ApiError> {
    let bytes = records::backup(&api.appliance.store, &caller.person, with_secrets).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}
