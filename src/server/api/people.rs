//! Who may get in, and who did what. Tokens are made and ended on the server itself, never here.

use axum::Json;
use axum::extract::{Query, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::console::TokenView;
use super::error::ApiError;
use crate::audit::AuditLine;
use crate::server::vault;
use crate::store::AuditFilter;

/// All tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", responses((status = 200, body = [TokenView])))]
pub async fn tokens(Shared(api): Shared<Api>) -> Json<Vec<TokenView>> {
    Json(api.keeper.list().into_iter().map(TokenView::from).collect())
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of who did it: `uid 0`, `token alice`.
    who: Option<String>,
    /// What was done: `reimage`, `create-token`.
    action: Option<String>,
    /// To what: the name of a node.
    subject: Option<String>,
    /// Not older than these Unix seconds.
    #[param(maximum = 4294967295.0)]
    since: Option<u32>,
    /// At most so many, the newest ones: 1 to 1000, 100 when missing.
    #[param(maximum = 65535)]
    limit: Option<u16>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// Its number.
    id: u64,
    /// Unix seconds.
    at: u64,
    /// Who.
    who: String,
    /// Where from.
    from: String,
    /// What.
    action: String,
    /// To what.
    subject: String,
    /// In words.
    detail: String,
    /// `done`, or `refused: ` and why.
    outcome: String,
    /// The hash of the chain up to this line.
    hash: String,
}

impl From<AuditLine> for AuditView {
    fn from(line: AuditLine) -> Self {
        let AuditLine { id, at, actor, action, subject, detail, outcome, hash } = line;
        Self { id, at, who: actor.how, from: actor.from, action, subject, detail, outcome, hash: hash.to_string() }
    }
}

/// The newest lines of the audit log, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(Wanted), responses((status = 200, body = [AuditView])))]
pub async fn audit(Shared(api): Shared<Api>, Query(wanted): Query<Wanted>) -> Result<Json<Vec<AuditView>>, ApiError> {
    let limit = Some(wanted.limit.map_or(100, u32::from).clamp(1, 1000));
    let Wanted { who, action, subject, since, .. } = wanted;
    let filter = AuditFilter { who, action, subject, also: None, since: since.map(u64::from), limit };
    let filter = vault::with_both_names(&api.appliance.site(), filter);
    let lines = api.appliance.store.audit_lines(filter).await?;
    Ok(Json(lines.into_iter().map(AuditView::from).collect()))
}
