//! A client of the API, with one connection that stays open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// A connection and the token that goes with each request.
pub struct Caller {
    runtime: Runtime,
    sender: SendRequest<Body>,
    host: String,
    bearer: String,
    cookie: String,
}

impl Caller {
    /// Connects.
    pub fn of(address: SocketAddr, token: &str) -> Self {
        let runtime = runtime();
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the API listens");
            stream.set_nodelay(true).expect("a socket that is open");
            let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender, host: address.to_string(), bearer: format!("Bearer {token}"), cookie: String::new() }
    }

    /// Signs in to the pages, as a person with this token does.
    pub fn sign_in(&mut self, token: &str) {
        let origin = format!("http://{}", self.host);
        let request = Request::post("/sign-in").header("host", &self.host).header("origin", origin);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(format!("token={token}"))).expect("a request");
        let response = self.runtime.block_on(answer(&mut self.sender, request));
        let cookie = response.headers()["set-cookie"].to_str().expect("text").split(';').next().unwrap_or_default();
        self.cookie = cookie.into();
        self.runtime.block_on(response.into_body().collect()).expect("a body");
    }

    /// Opens a page for a person. Returns its length in bytes, the time to its first byte, and to its last.
    pub fn page(&mut self, path: &str) -> (usize, Duration, Duration) {
        let request = Request::get(path).header("host", &self.host).header("cookie", &self.cookie);
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let began = Instant::now();
            let response = answer(&mut self.sender, request).await;
            let first = began.elapsed();
            assert!(response.status().is_success(), "{path}: {}", response.status());
            let length = response.into_body().collect().await.expect("a body").to_bytes().len();
            (length, first, began.elapsed())
        })
    }

    /// The text of a page for a person.
    pub fn text(&mut self, path: &str) -> String {
        let request = Request::get(path).header("host", &self.host).header("cookie", &self.cookie);
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let response = answer(&mut self.sender, request).await;
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            String::from_utf8_lossy(&body).into_owned()
        })
    }

    /// Opens the stream of changes of an open page, and reads it until the caller is dropped.
    pub fn follow(&mut self, cookie_of: &Self) {
        let request = Request::get("/live").header("host", &self.host).header("cookie", &cookie_of.cookie);
        let request = request.body(Body::empty()).expect("a request");
        let response = self.runtime.block_on(answer(&mut self.sender, request));
        assert!(response.status().is_success(), "/live: {}", response.status());
        self.runtime.spawn(response.into_body().collect());
    }

    /// Asks for a page and returns its body.
    pub fn get(&mut self, path: &str) -> Vec<u8> {
        let request = Request::get(path).header("host", &self.host).header("authorization", &self.bearer);
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let response = answer(&mut self.sender, request).await;
            assert!(response.status().is_success(), "{path}: {}", response.status());
            response.into_body().collect().await.expect("a body").to_bytes().to_vec()
        })
    }
}

/// Sends a request once the connection is ready: its own thread notices a little later that the last answer has ended.
async fn answer(sender: &mut SendRequest<Body>, request: Request<Body>) -> Response<Incoming> {
    sender.ready().await.expect("the connection stays open");
    sender.send_request(request).await.expect("an answer")
}

/// A runtime whose one thread also reads what nobody waits for.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}
