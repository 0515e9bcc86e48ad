//! The caller: the holder of a token over TCP, or a process at the socket. The router determines it before every
//! handler.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request::Parts};

use super::Api;
use super::error::ApiError;
use super::keeper::Holder;
use super::socket::Peer;
use crate::audit::Actor;
use crate::server::operate::{Person, Refusal};

#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The caller for the audit log, and whether it is the daemon's owner. The holder of a token never is.
    pub person: Person,
    /// The token; `None` at the socket.
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

    /// The caller as it appears in the audit log.
    pub(crate) fn actor(&self) -> &Actor {
        &self.person.actor
    }

    /// The largest number of entries in one answer: `over_tcp` over TCP, no limit at the socket.
    pub(crate) fn most(&self, over_tcp: u32) -> u32 {
        if self.holder.is_some() { over_tcp } else { u32::MAX }
    }

    /// Returns the caller if it is the daemon's owner. The socket's group may give orders, but only the owner decides
    /// who gets access over the network.
    pub(crate) fn owns_tokens(&self) -> Result<&Actor, ApiError> {
        match self.person.is_owner {
            true => Ok(self.actor()),
            false => {
                Err(Refusal::NotOwner("only root and the daemon's own user may manage tokens; run it with sudo").into())
            }
        }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        // A request that bypassed the guard has no caller.
        let nobody =
            || ApiError::new(StatusCode::UNAUTHORIZED, "the caller of this request is unknown", "send a token");
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}
