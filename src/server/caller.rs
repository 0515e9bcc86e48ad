//! Who is on the other end of the admin socket: the kernel says so, nobody has to believe the caller.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use crate::audit::Actor;

/// The credentials of a connection when it was made.
#[derive(Debug, Clone, Copy)]
pub struct SocketPeer {
    uid: Option<u32>,
    pid: Option<i32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for SocketPeer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self { uid: credentials.map(|c| c.uid()), pid: credentials.and_then(|c| c.pid()) }
    }
}

/// The caller as the audit log names it.
pub struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            // A verb that works on the store itself while no daemon runs.
            return Ok(Self(actor.clone()));
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketPeer>>().map(|info| info.0);
        Ok(Self(match peer {
            Some(SocketPeer { uid: Some(uid), pid }) => Actor::socket(uid, pid),
            _ => Actor { how: "socket of unknown owner".into(), from: "this machine".into() },
        }))
    }
}
