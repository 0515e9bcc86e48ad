//! Who is at the other end of the admin socket: the kernel says it, nobody else is asked.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::answer::HttpError;
use super::socket;
use crate::audit::Actor;

/// Who gives an order.
pub(in crate::server) struct Caller(pub Actor);

/// The same where it matters whose daemon this is.
pub(in crate::server) struct Person {
    /// Who.
    pub actor: Actor,
    /// Root, or the user whose daemon this is; not somebody of the socket's group.
    pub is_owner: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        Person::from_request_parts(parts, state).await.map(|person| Self(person.actor))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            // A verb that works on the store itself while no daemon runs: who may open that is its owner.
            return Ok(Self { actor: actor.clone(), is_owner: true });
        }
        let caller = parts.extensions.get::<socket::Caller>();
        let caller = caller.map(|caller| Self { actor: caller.actor(), is_owner: caller.is_owner() });
        caller.ok_or_else(|| HttpError::new(StatusCode::FORBIDDEN, "the kernel does not say who you are"))
    }
}
