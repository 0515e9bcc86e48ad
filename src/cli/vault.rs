//! Where the verbs about secrets, audit log and backups get their answers: from the daemon, or, while none runs, from the
//! store itself, through the very same routes.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use super::Failure;
use super::client::Daemon;
use crate::audit::Actor;
use crate::config::{self, Place};
use crate::failure::Kind;
use crate::server::{self, Need};

/// Asks once: the daemon if one answers, else the store.
pub fn ask(
    place: Place<'_>,
    daemon: Daemon,
    need: Need,
    method: Method,
    path: &str,
    body: &str,
) -> Result<Vec<u8>, Failure> {
    match daemon.client(place.file).raw(method.clone(), path, body.to_string()) {
        Err(failure) if failure.kind == Kind::Unreachable => on_the_store(place, need, method, path, body, failure),
        other => other,
    }
}

/// The same for an answer in JSON.
pub fn ask_json<T: DeserializeOwned>(
    place: Place<'_>,
    daemon: Daemon,
    need: Need,
    method: Method,
    path: &str,
    body: &str,
) -> Result<T, Failure> {
    let bytes = ask(place, daemon, need, method, path, body)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::bug(format!("cannot read the answer: {error}")))
}

fn on_the_store(
    place: Place<'_>,
    need: Need,
    method: Method,
    path: &str,
    body: &str,
    unreachable: Failure,
) -> Result<Vec<u8>, Failure> {
    let loaded = config::load(place)?;
    if !loaded.site.server.state.exists() {
        // Nothing was ever stored, so the missing daemon is what matters.
        return Err(unreachable);
    }
    let runtime = runtime()?;
    runtime.block_on(async {
        let (app, store) = server::at_rest(loaded.site, loaded.renderer, need).await.map_err(Failure::fixable)?;
        let actor = console();
        let request = Request::builder().method(method).uri(path).extension(actor).body(Body::from(body.to_string()));
        let request = request.map_err(Failure::bug)?;
        let Ok(response) = app.oneshot(request).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(Failure::bug)?.to_bytes().to_vec();
        // The store is closed before its answer counts.
        store.await.map_err(Failure::bug)?.map_err(Failure::fixable)?;
        answer(status, bytes)
    })
}

/// Who sits at this shell, and for whom by sudo's word.
pub fn console() -> Actor {
    let actor = Actor::console(rustix::process::getuid().as_raw());
    acts_for().iter().fold(actor, |actor, user| actor.by_its_own_word_for(user))
}

/// Who called sudo; a note for the audit log that nobody has verified.
pub fn acts_for() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| user.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// The body of an answer, or what the daemon refused it with.
pub fn answer(status: StatusCode, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if status.is_success() {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body);
    let mut parts = text.trim_end().split("\nhelp: ");
    let failure = Failure::fixable(parts.next().unwrap_or_default());
    Err(parts.fold(failure, |failure, help| failure.hint(help)))
}

/// A runtime for one question.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::bug(format!("cannot start the runtime: {error}")))
}

/// Percent-encodes one part of a path or a query.
pub fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
