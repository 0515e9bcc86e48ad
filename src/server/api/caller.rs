//! The caller: the holder of a token over TCP, or a process at the socket. The router puts it before every handler.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request::Parts};

use super::Api;
use super::error::ApiError;
use super::keeper::Holder;
use super::socket::Peer;
use crate::audit::Actor;
use crate::server::operate::{Person, Refusal};

/// The caller.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// For the audit log, and whether it is the owner of the daemon. No token ever is.
    pub person: Person,
    /// The token; none at the socket.
    pub holder: Option<Holder>,
}

impl Caller {
    pub(crate) fn at_the_socket(peer: &Peer) -> Self {
        Self { person: Person { actor: peer.actor(), is_owner: peer.is_owner() }, holder: None }
    }

    pub(crate) fn over_tcp(holder: Holder, peer: IpAddr) -> Self {
        let actor = Actor::token(&holder.name, peer);
        Self { person: Person { actor, is_owner: false }, holder: Some(holder) }
    }

    /// For the audit log.
    pub(crate) fn actor(&self) -> &Actor {
        &self.person.actor
    }

    /// How much of something is answered at once: over TCP so much at most, at the socket all of it.
    pub(crate) fn most(&self, over_tcp: u32) -> u32 {
        if self.holder.is_some() { over_tcp } else { u32::MAX }
    }

    /// The group of the socket may order; who may get in over the network is decided by its owner alone.
    pub(crate) fn owns_tokens(&self) -> Result<&Actor, ApiError> {
        match self.person.is_owner {
            true => Ok(self.actor()),
            false => Err(Refusal::NotOwner("tokens are for root and the daemon's own user; run it with sudo").into()),
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        // A request that came around the door is nobody's.
        let nobody = || ApiError::new(StatusCode::UNAUTHORIZED, "nobody asks this", "send a token");
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}
