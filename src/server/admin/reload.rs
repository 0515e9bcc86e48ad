//! `POST /v1/reload` on the admin socket.

use axum::extract::State as Shared;
use axum::routing::post;
use axum::{Json, Router};

use crate::server::caller::Caller;
use crate::server::operate::reload::Reloader;

/// A refusal is an answer too: the reasons are for people, the CLI prints them.
pub(in crate::server) fn routes(reloader: Reloader) -> Router {
    let reload = |Caller(who): Caller, Shared(reloader): Shared<Reloader>| async move {
        let reloaded = reloader.reload(&who).await;
        Json(reloaded)
    };
    Router::new().route("/v1/reload", post(reload)).with_state(reloader)
}
