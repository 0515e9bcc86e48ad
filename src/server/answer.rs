//! Plain-text answers over HTTP, and error answers in their place: 404 when there is no such thing, 500 when we are at
//! fault. An error always carries its reason.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::lifecycle::Refused;
use crate::render::RenderError;
use crate::store::ChangeError;

/// An error answer.
#[derive(Debug)]
pub(crate) struct HttpError {
    /// Status code.
    pub status: StatusCode,
    /// One sentence for the node's screen and our log.
    pub reason: String,
}

impl HttpError {
    /// Makes an error answer.
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// Makes a 404.
    pub(crate) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason)
    }
}

impl From<RenderError> for HttpError {
    fn from(error: RenderError) -> Self {
        tracing::error!(%error, "a template failed although `check` passed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("rackstart could not render this: {error}"))
    }
}

impl From<ChangeError> for HttpError {
    fn from(error: ChangeError) -> Self {
        let status = match &error {
            ChangeError::NoRoom | ChangeError::Unreadable | ChangeError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            ChangeError::Refused(
                Refused::OldAttempt
                | Refused::OldBoot
                | Refused::NotRedeemed
                | Refused::PermitSpent
                | Refused::OtherDisks,
            ) => StatusCode::GONE,
            ChangeError::Refused(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let refusal = RefusalReason(self.reason.clone());
        let mut response = (self.status, unkept(self.reason + "\n")).into_response();
        response.extensions_mut().insert(refusal);
        response
    }
}

/// Why a request was refused. The answer carries it so that the witness need not read the body.
#[derive(Debug, Clone)]
pub(in crate::server) struct RefusalReason(pub String);

/// Answers with a text that is for one machine at one moment: it may hold a token, so no cache may keep it.
pub(in crate::server) fn unkept(text: String) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
}
