//! Who is at the other end of the admin socket: the kernel says it, nobody else is asked.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::audit::Actor;
use crate::server::http::HttpError;
use crate::server::socket;

/// Who gives an order.
pub(in crate::server) struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            // A verb that works on the store itself while no daemon runs.
            return Ok(Self(actor.clone()));
        }
        let caller = parts.extensions.get::<socket::Caller>().map(|caller| Self(caller.actor()));
        caller.ok_or_else(|| HttpError::new(StatusCode::FORBIDDEN, "the kernel does not say who you are"))
    }
}
