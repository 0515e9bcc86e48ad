//! Who is at the other end of the admin socket: the kernel says it, nobody else is asked.

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use crate::audit::Actor;
use crate::server::http::HttpError;

/// The process that connected. Only who may open the socket (mode 0600) gets this far.
#[derive(Debug, Clone)]
pub struct Peer(Option<Actor>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| Actor::socket(peer.uid(), peer.pid())))
    }
}

/// Who gives an order.
pub(in crate::server) struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpError> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            // A verb that works on the store itself while no daemon runs.
            return Ok(Self(actor.clone()));
        }
        let peer = parts.extensions.get::<ConnectInfo<Peer>>().and_then(|ConnectInfo(Peer(actor))| actor.clone());
        let unknown = || HttpError::new(StatusCode::FORBIDDEN, "the kernel does not say who you are");
        peer.map(Self).ok_or_else(unknown)
    }
}
