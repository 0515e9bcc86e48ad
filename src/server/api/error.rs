//! What a caller is told when it cannot have what it asks for: `{error, help}`, always both.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lifecycle::Refused;
use crate::render::RenderError;
use crate::store::ChangeError;

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What is wrong, with which thing.
    pub error: String,
    /// One thing to do about it.
    pub help: String,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Status code.
    pub status: StatusCode,
    /// What to say.
    pub body: ErrorBody,
    /// Seconds after which it makes sense to ask again.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// Makes a refusal.
    pub fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { error: error.into(), help: help.into() }, retry_after: None }
    }

    /// No node has this name.
    pub fn no_such_node(name: &str) -> Self {
        let error = format!("the running daemon knows no node called `{}`", name.escape_debug());
        Self::new(StatusCode::NOT_FOUND, error, "`GET /api/v1/nodes` lists them")
    }

    /// Adds when to ask again.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        let (status, help) = match &error {
            ChangeError::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "make room on that disk, then ask again"),
            ChangeError::Unreadable => (StatusCode::SERVICE_UNAVAILABLE, "look at the daemon's log"),
            ChangeError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "start the daemon again; its log says more"),
            ChangeError::Refused(
                Refused::OldAttempt | Refused::OldBoot | Refused::PermitSpent | Refused::OtherDisks,
            ) => (StatusCode::GONE, "ask for the node's state first"),
            ChangeError::Refused(_) => (StatusCode::CONFLICT, "ask for the node's state first"),
        };
        Self::new(status, error.to_string(), help)
    }
}

impl From<RenderError> for ApiError {
    fn from(error: RenderError) -> Self {
        tracing::error!(%error, "a template failed although `check` passed");
        let error = format!("rackstart could not render this: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error, "`rackstart check` proves the templates")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer realm=\"rackstart\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
