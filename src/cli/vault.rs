//! Where the verbs about secrets, audit log and backups get their answers: from the daemon, or, while none runs, from the
//! store itself, through the very same routes.

use std::path::Path;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use super::Failure;
use super::client::StoreArgs;
use crate::audit::Actor;
use crate::config::{self, Alone, Place};
use crate::failure::Kind;
use crate::render::Renderer;
use crate::server::{self, Need, Resting};
use crate::site::Site;
use crate::store;

/// Where one verb gets its answers.
pub struct Desk<'a> {
    place: Place<'a>,
    args: StoreArgs,
    need: Need,
    /// Whether the store is asked when no daemon answers, although it was not named.
    falls_back: bool,
}

impl<'a> Desk<'a> {
    /// For what needs no secret.
    pub fn new(place: Place<'a>, args: StoreArgs) -> Self {
        Self { place, args, need: Need::Nothing, falls_back: true }
    }

    /// For what is asked again and again, also while a daemon starts: reading the store takes its lock, which that daemon would
    /// find taken. Only a store that is named is read.
    pub fn watching(place: Place<'a>, args: StoreArgs) -> Self {
        Self { falls_back: false, ..Self::new(place, args) }
    }

    /// For what needs the secrets opened.
    pub fn opening(place: Place<'a>, args: StoreArgs, need: Need) -> Self {
        Self { place, args, need, falls_back: true }
    }

    /// Whether the store was named, so that no daemon is asked.
    fn is_offline(&self) -> bool {
        self.args.state.is_some()
    }

    /// Asks once: the daemon if one answers, else the store.
    pub fn ask(&self, method: Method, path: &str, body: &str) -> Result<Vec<u8>, Failure> {
        if self.is_offline() {
            return self.on_the_store(method, path, body, None);
        }
        match self.ask_daemon(method.clone(), path, body) {
            Err(failure) if failure.kind == Kind::Unreachable && !self.falls_back => {
                Err(failure.hint("`--state DIR` shows what the store of a stopped daemon holds"))
            }
            Err(failure) if failure.kind == Kind::Unreachable => self.on_the_store(method, path, body, Some(failure)),
            other => other,
        }
    }

    /// Asks the daemon and nobody else.
    fn ask_daemon(&self, method: Method, path: &str, body: &str) -> Result<Vec<u8>, Failure> {
        self.args.daemon.clone().client(self.place.file).raw(method, path, body.to_string())
    }

    /// Like [`Self::ask`], for an answer in JSON.
    pub fn json<T: DeserializeOwned>(&self, method: Method, path: &str, body: &str) -> Result<T, Failure> {
        let bytes = self.ask(method, path, body)?;
        serde_json::from_slice(&bytes).map_err(|error| Failure::bug(format!("cannot read the answer: {error}")))
    }

    /// Asks, and reads the JSON of the answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path, "")
    }

    fn on_the_store(
        &self,
        method: Method,
        path: &str,
        body: &str,
        unreachable: Option<Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let resting = resting(self.place, self.args.state.as_deref())?;
        let state = resting.site.server.state.clone();
        // Secrets may be set before the first start, in a directory that is there for it; nothing else makes a store.
        let may_begin = matches!(self.need, Need::Opened(_)) && state.is_dir();
        if !store::exists(&state) && !may_begin {
            return Err(no_store(&state, unreachable));
        }
        if !resting.knows_its_nodes && config::find(self.place.file).is_ok_and(|file| file.exists()) {
            let note =
                "the site file has mistakes, which `rackstart check` tells; nodes are those that the store knows";
            super::tell_notes(&[note.into()]);
        }
        let runtime = runtime()?;
        runtime.block_on(async {
            let (app, store) = server::at_rest(resting, self.need.clone()).await.map_err(Failure::fixable)?;
            let request = Request::builder().method(method).uri(path).extension(console());
            let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
            let Ok(response) = app.oneshot(request.map_err(Failure::bug)?).await;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(Failure::bug)?.to_bytes().to_vec();
            // The store is closed before its answer counts.
            store.await.map_err(Failure::bug)?.map_err(Failure::fixable)?;
            answer(status, bytes)
        })
    }
}

/// The site of a store that no daemon uses: as its file says, or, when that is of no use, as the store knows it.
pub fn resting(place: Place<'_>, state: Option<&Path>) -> Result<Resting, Failure> {
    let file = config::find(place.file).ok();
    let loaded = file.as_ref().map(|file| config::read_to_plan(file, place.templates));
    let mut resting = match loaded {
        Some(Ok(loaded)) => Resting { site: loaded.site, renderer: loaded.renderer, knows_its_nodes: true },
        _ => {
            let Alone { state, key, blueprint, .. } = config::alone(place.file);
            let named = blueprint.as_deref().and_then(config::shipped_blueprint);
            let any = || config::blueprint_names().next().and_then(config::shipped_blueprint);
            let blueprint = named.or_else(any).and_then(Result::ok);
            let blueprint = blueprint.ok_or_else(|| Failure::bug("no blueprint is inside rackstart"))?;
            let renderer = Renderer::new().map_err(Failure::bug)?;
            Resting { site: Site::bare(state, key, blueprint), renderer, knows_its_nodes: false }
        }
    };
    if let Some(state) = state {
        resting.site.server.state = std::path::absolute(state).unwrap_or_else(|_| state.into());
    }
    Ok(resting)
}

/// Neither a daemon nor a store: what is missing, and what to do.
fn no_store(state: &Path, unreachable: Option<Failure>) -> Failure {
    let gone = format!("there is no store in {}: nothing was ever kept there, or it was removed", state.display());
    match unreachable {
        None => Failure::fixable(gone).hint("name the directory that `server.state` of the site file names"),
        Some(failure) => Failure { error: format!("{}; and {gone}", failure.error), ..failure },
    }
}

/// The user of this shell, and for whom it acts by sudo's word.
pub fn console() -> Actor {
    let actor = Actor::console(rustix::process::getuid().as_raw());
    acts_for().iter().fold(actor, |actor, user| actor.by_its_own_word_for(user))
}

/// The user that called sudo: a note for the audit log that nobody has verified.
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
