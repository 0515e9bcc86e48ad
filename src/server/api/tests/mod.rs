//! The API in process: every check, every route, every role; and what the answers must and must not contain.

mod answers;
mod doors;
mod pages;
mod stream;
pub(in crate::server) mod walk;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::audit::Actor;
use crate::clock::unix_now;
use crate::render::Renderer;
use crate::server::net::neighbours::Arp;
use crate::server::operate::arming::Unarmed;
use crate::server::operate::reload::Source;
use crate::server::served::Served;
use crate::site::Site;
use crate::site::testing::paper_site;
use crate::store::Store;
use role::Role;

const HASH: &str = "$6$saltsaltsalt$PlantedRootHashThatNobodyMayRead";

/// A daemon with an API, before any request.
struct Desk {
    api: Api,
    app: Router,
    store: Store,
    shutdown: CancellationToken,
    _site: watch::Sender<Arc<Served>>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status and body of a refusal, which always has both `error` and `help`.
    fn error(&self) -> (u16, String) {
        let body: error::ErrorBody = serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text));
        assert!(!body.error.is_empty() && !body.help.is_empty(), "{body:?}");
        (self.status.as_u16(), body.error)
    }
}

fn site() -> Site {
    let mut site = paper_site();
    site.api =
        Some(crate::site::Api { listen: "127.0.0.1:8081".parse().unwrap(), hosts: vec!["rack.example.org".into()] });
    site.access.root_password_hash = Some(HASH.into());
    site
}

/// A reloader whose site file does not exist.
fn reloader(appliance: &Appliance) -> Reloader {
    let source = Source { file: "/nonexistent/rackstart.toml".into(), templates: None };
    let (sender, _) = watch::channel(appliance.served());
    Reloader::new(source, sender, appliance.store.clone(), Unarmed::default())
}

/// The API at the socket of this appliance, without asking the kernel: a request brings its [`socket::Peer`].
pub(in crate::server) async fn at_the_socket(appliance: &Appliance) -> Router {
    let keeper = Keeper::open(appliance.store.clone()).await.unwrap();
    routes::at_the_socket(Api::new(appliance.clone(), keeper, reloader(appliance), CancellationToken::new()))
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _task) = Store::open(&folder.path().join("store")).await.unwrap();
        let served = Served::new(site(), Renderer::new().unwrap(), unix_now());
        let (sender, served) = watch::channel(Arc::new(served));
        let appliance = Appliance::new(served, store.clone(), Arp::on("lo"));
        let keeper = Keeper::open(store.clone()).await.unwrap();
        let shutdown = CancellationToken::new();
        let api = Api::new(appliance.clone(), keeper, reloader(&appliance), shutdown.clone());
        let app = routes::app(api.clone());
        Self { api, app, store, shutdown, _site: sender, _folder: folder }
    }

    async fn token(&self, role: Role) -> String {
        let token = self.api.keeper.create(role.word(), role, None, &Actor::socket(0, None)).await.unwrap();
        token.reveal().into()
    }

    fn request(method: Method, path: &str, token: Option<&str>) -> axum::http::request::Builder {
        let request = Request::builder().method(&method).uri(path).header("host", "127.0.0.1:8081");
        let request = if method == Method::POST { request.header("content-type", "application/json") } else { request };
        match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        self.ask_from("127.0.0.1:50000", request).await
    }

    async fn ask_from(&self, peer: &str, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Self::request(Method::GET, path, Some(token)).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        self.ask(Self::request(Method::POST, path, Some(token)).body(Body::from(body.to_string())).unwrap()).await
    }
}
