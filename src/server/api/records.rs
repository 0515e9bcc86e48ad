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

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Part of who did it: `uid 0`, `token alice`.
    who: Option<String>,
    /// What was done: `reimage`, `create-token`.
    action: Option<String>,
    /// To what: the name of a node.
    subject: Option<String>,
    /// Not older than these Unix seconds.
    #[param(maximum = 4294967295.0)]
    since: Option<u32>,
    /// At most so many, the newest ones: 1 to 1000, 100 when missing; at the socket there is no limit.
    #[param(maximum = 4294967295.0)]
    limit: Option<u32>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its number.
    pub id: u64,
    /// Unix seconds.
    pub at: u64,
    /// Who.
    pub who: String,
    /// Where from.
    pub from: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// In words.
    pub detail: String,
    /// `done`, or `refused: ` and why.
    pub outcome: String,
    /// The hash of the chain up to this line.
    pub hash: String,
}

impl From<AuditLine> for AuditView {
    fn from(line: AuditLine) -> Self {
        let AuditLine { id, at, actor, action, subject, detail, outcome, hash } = line;
        Self { id, at, who: actor.how, from: actor.from, action, subject, detail, outcome, hash: hash.to_string() }
    }
}

/// The newest lines of the audit log, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(AuditParams), responses((status = 200, body = [AuditView])))]
pub(super) async fn audit(
    Shared(api): Shared<Api>,
    caller: Caller,
    Query(wanted): Query<AuditParams>,
) -> Result<Json<Vec<AuditView>>, ApiError> {
    let AuditParams { who, action, subject, since, limit } = wanted;
    let limit = Some(limit.unwrap_or(100).clamp(1, caller.most(1000)));
    let filter = AuditFilter { who, action, subject, also: None, since: since.map(u64::from), limit };
    let lines = records::audit_lines(&api.appliance.site(), &api.appliance.store, filter).await?;
    Ok(Json(lines.into_iter().map(AuditView::from).collect()))
}

/// A head that the caller has noted elsewhere.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Noted {
    /// `NUMBER:HASH`, as an earlier answer had it.
    head: Option<String>,
}

/// Checks the audit log against its chain, and against a head that was noted.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "people", params(Noted),
    responses((status = 200, body = AuditVerdict), (status = 400, description = "this is no head", body = ErrorBody)))]
pub(super) async fn verify(
    Shared(api): Shared<Api>,
    Query(Noted { head }): Query<Noted>,
) -> Result<Json<AuditVerdict>, ApiError> {
    Ok(Json(records::verify_audit(&api.appliance.store, head).await?))
}

/// Whether the secrets lie sealed in the store.
#[utoipa::path(get, path = "/api/v1/sealed", tag = "secrets", responses((status = 200, body = Sealed)))]
pub(super) async fn sealed(Shared(api): Shared<Api>) -> Result<Json<Sealed>, ApiError> {
    Ok(Json(records::sealed(&api.appliance.store).await?))
}

/// What goes into a backup.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Contents {
    /// With the secrets although they are not sealed: for root and the daemon's own user alone.
    #[serde(default)]
    with_secrets: bool,
}

/// The whole store in one file.
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
