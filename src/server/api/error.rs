//! Error answers: `{error, help}`, where over TCP neither is ever empty.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keeper::TokenError;
use crate::lifecycle::Refused;
use crate::render::RenderError;
use crate::server::operate::Refusal;
use crate::store::ChangeError;

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What is wrong, with which thing.
    pub error: String,
    /// One thing to do about it. On the socket it may be empty, or hold several lines.
    pub help: String,
}

/// The result of a handler: a JSON body, or an error answer.
pub(super) type ApiResult<T> = Result<Json<T>, ApiError>;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// Status code.
    pub status: StatusCode,
    /// The body over TCP.
    pub body: ErrorBody,
    /// What a person at the command line can do, one hint per line. `help` speaks about requests and is not meant for
    /// them.
    pub hints: Vec<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// Makes an error answer.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        let body = ErrorBody { error: error.into(), help: help.into() };
        Self { status, body, hints: Vec::new(), retry_after: None }
    }

    /// No node has this name.
    pub(crate) fn no_such_node(name: &str) -> Self {
        Refusal::UnknownNode(name.escape_debug().to_string()).into()
    }

    /// Adds the time of the next retry.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The answer at the socket, which the command line uses.
    pub(super) fn at_the_socket(self) -> Response {
        (self.status, Json(ErrorBody { error: self.body.error, help: self.hints.join("\n") })).into_response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, usual) = match &refusal {
            Refusal::UnknownNode(_) => (StatusCode::NOT_FOUND, "`GET /api/v1/nodes` lists them"),
            Refusal::UnknownSecret(_) => (StatusCode::NOT_FOUND, "`GET /api/v1/secrets` lists them"),
            Refusal::NoLog(_) | Refusal::NoSuchAttempt { .. } => (StatusCode::NOT_FOUND, ""),
            Refusal::Nobody => (StatusCode::BAD_REQUEST, "write exact names into `nodes`"),
            Refusal::Reason => (StatusCode::BAD_REQUEST, "say why in one line"),
            Refusal::Unreadable(_) => (StatusCode::BAD_REQUEST, "write it as the text says"),
            Refusal::NotOwner(_) => (StatusCode::FORBIDDEN, "run it with sudo"),
            Refusal::OwnCardsUnknown(_) => (StatusCode::INTERNAL_SERVER_ERROR, "look at the daemon's log"),
            Refusal::Render(_) => (StatusCode::INTERNAL_SERVER_ERROR, "`rackstart check` tests the templates"),
            Refusal::Copy(_) => (StatusCode::INSUFFICIENT_STORAGE, "make room on that disk, then ask again"),
            Refusal::Store(ChangeError::NoRoom) => {
                (StatusCode::SERVICE_UNAVAILABLE, "make room on that disk, then ask again")
            }
            Refusal::Store(ChangeError::Unreadable) => (StatusCode::SERVICE_UNAVAILABLE, "look at the daemon's log"),
            Refusal::Store(ChangeError::Stopped) => {
                (StatusCode::SERVICE_UNAVAILABLE, "start the daemon again; its log says more")
            }
            Refusal::Store(ChangeError::Refused(
                Refused::OldAttempt
                | Refused::OldBoot
                | Refused::NotRedeemed
                | Refused::PermitSpent
                | Refused::OtherDisks,
            )) => (StatusCode::GONE, "ask for the node's state first"),
            Refusal::Bmc { .. } => (StatusCode::BAD_GATEWAY, "look at the BMC's own page"),
            Refusal::Blast(_)
            | Refusal::NoBmc(_)
            | Refusal::DisksOpenWith(_)
            | Refusal::OthersPassword(_)
            | Refusal::CannotKeep { .. }
            | Refusal::State { .. }
            | Refusal::NothingToDo { .. }
            | Refusal::NotStopped
            | Refusal::Clock(_)
            | Refusal::Secrets(_)
            | Refusal::Store(ChangeError::Refused(_))
            | Refusal::SiteEdited => (StatusCode::CONFLICT, "ask for the node's state first"),
        };
        let hints = refusal.help();
        let help = if hints.is_empty() { usual.into() } else { hints.join("; ") };
        Self { hints, ..Self::new(status, refusal.to_string(), help) }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<RenderError> for ApiError {
    fn from(error: RenderError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let status = match &error {
            TokenError::Name(_) => StatusCode::BAD_REQUEST,
            TokenError::Taken(_) => StatusCode::CONFLICT,
            TokenError::Missing(_) => StatusCode::NOT_FOUND,
            TokenError::Hash(_) | TokenError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string(), "`GET /api/v1/tokens` lists them")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer realm=\"rackstart\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        // The check at the socket turns the error into the command line's words.
        response.extensions_mut().insert(self);
        response
    }
}
