//! A client of the API, with one connection that stays open.

use std::net::SocketAddr;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// A connection and the token that goes with each request.
pub struct Caller {
    runtime: Runtime,
    sender: SendRequest<Body>,
    host: String,
    bearer: String,
}

impl Caller {
    /// Connects.
    pub fn of(address: SocketAddr, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("the API listens");
            stream.set_nodelay(true).expect("a socket that is open");
            let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender, host: address.to_string(), bearer: format!("Bearer {token}") }
    }

    /// Asks for a page and returns its body.
    pub fn get(&mut self, path: &str) -> Vec<u8> {
        let request = Request::get(path).header("host", &self.host).header("authorization", &self.bearer);
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let response = self.sender.send_request(request).await.expect("an answer");
            assert!(response.status().is_success(), "{path}: {}", response.status());
            response.into_body().collect().await.expect("a body").to_bytes().to_vec()
        })
    }
}
