//! Whether the daemon answers. Reveals nothing about the site, because anybody may ask.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The daemon answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the daemon answers.
#[utoipa::path(get, path = "/api/v1/health", tag = "daemon", responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
