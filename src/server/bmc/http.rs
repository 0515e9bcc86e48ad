//! HTTP/1.1 over TLS with one BMC: one connection that is used again, bounded answers, no redirects to other hosts.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tls;
use crate::power::{Fault, redfish};
use crate::site::{Endpoint, Trust};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 4 << 20;
/// How many redirects of one request are followed.
const REDIRECTS: u32 = 3;

/// How requests prove who sends them. Its `Debug` would show a password, so it has none.
pub(super) enum Proof {
    /// Not at all: the root of a service is for everybody.
    None,
    /// By the value of the header `Authorization`.
    Basic(String),
    /// By the token of a session.
    Session(String),
}

impl Proof {
    /// Basic authentication (RFC 7617).
    pub(super) fn basic(user: &str, password: &str) -> Self {
        Self::Basic(format!("Basic {}", credentials(user, password)))
    }
}

/// An account as Basic authentication carries it.
pub(super) fn credentials(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}

/// An answer, its body read.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body).map_err(|_| Fault::unreadable("JSON"))
    }
}

/// One BMC.
pub(super) struct Client<'a> {
    at: &'a Endpoint,
    trust: &'a Trust,
    tls: Arc<ClientConfig>,
    pub proof: Proof,
    open: Option<SendRequest<Body>>,
    // Dropping the set ends the connection.
    driver: JoinSet<()>,
}

impl<'a> Client<'a> {
    pub(super) fn new(at: &'a Endpoint, trust: &'a Trust) -> Result<Self, Fault> {
        let tls = tls::config(trust)?;
        Ok(Self { at, trust, tls, proof: Proof::None, open: None, driver: JoinSet::new() })
    }

    /// `https://host`, with the port if it is not that of HTTPS.
    pub(super) fn origin(&self) -> String {
        match self.at.port {
            443 => format!("https://{}", self.at.bracketed()),
            _ => format!("https://{}", self.at),
        }
    }

    /// Sends a request and reads the answer, following redirects within the BMC.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Answer, Fault> {
        let mut path = path.to_string();
        for _ in 0..=REDIRECTS {
            let answer = self.once(&method, &path, body, version).await?;
            if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            // 303 turns a request into another one, which is not what was asked for.
            if method != Method::GET && answer.status == StatusCode::SEE_OTHER {
                return Ok(answer);
            }
            let to = answer.header("location").ok_or_else(|| Fault::unreadable("place of its redirect"))?;
            path = redfish::link(to, &self.origin())?;
        }
        Err(Fault::new("the BMC sends rackstart in a circle", "look at the BMC's own page; it may need a restart"))
    }

    async fn once(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Answer, Fault> {
        let was_open = self.open.is_some();
        match self.exchange(method, path, body, version).await {
            // The BMC closed a connection that was idle; nothing of the request was taken.
            Err(Lost::Unsent(_)) if was_open => self.exchange(method, path, body, version).await,
            outcome => outcome,
        }
        .map_err(|lost| match lost {
            Lost::Unsent(fault) | Lost::Other(fault) => fault,
        })
    }

    async fn exchange(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Answer, Lost> {
        let at = self.at;
        let away = |error: &dyn std::fmt::Display| {
            let text = format!("the BMC at {at} broke off: {error}");
            Fault::new(text, "try again; `rackstart power NODE status` shows what has become of the order")
        };
        let mut sender = match self.open.take() {
            Some(sender) => sender,
            None => self.connect().await.map_err(Lost::Other)?,
        };
        if sender.ready().await.is_err() {
            return Err(Lost::Unsent(away(&"it closed the connection")));
        }
        let request = self.request(method, path, body, version).map_err(Lost::Other)?;
        let late = || Lost::Other(away(&format!("it did not answer within {} s", ANSWER.as_secs())));
        let answered = tokio::time::timeout(ANSWER, async {
            let response = sender.send_request(request).await.map_err(|error| match error.is_canceled() {
                true => Lost::Unsent(away(&error)),
                false => Lost::Other(away(&error)),
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| Lost::Other(away(&error)))?.to_bytes().to_vec();
            Ok(Answer { status: head.status, headers: head.headers, body })
        });
        let answer = answered.await.unwrap_or_else(|_| Err(late()))?;
        self.open = Some(sender);
        Ok(answer)
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Request<Body>, Fault> {
        let host = self.origin().trim_start_matches("https://").to_string();
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        request = request.header(header::USER_AGENT, "rackstart").header(header::ACCEPT, "application/json");
        request = request.header("OData-Version", "4.0");
        request = match &self.proof {
            Proof::None => request,
            Proof::Basic(value) => request.header(header::AUTHORIZATION, value),
            Proof::Session(token) => request.header("X-Auth-Token", token),
        };
        if let Some(version) = version {
            request = request.header(header::IF_MATCH, version);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        // The error would repeat a header.
        request.body(body).map_err(|_| Fault::unreadable("link or version"))
    }

    async fn connect(&mut self) -> Result<SendRequest<Body>, Fault> {
        let at = self.at;
        let away = |error: &dyn std::fmt::Display| {
            let help = "check `redfish` of the node, and that this machine reaches the network of the BMCs";
            Fault::new(format!("the BMC at {at} does not answer: {error}"), help)
        };
        let name = ServerName::try_from(at.host.clone()).map_err(|error| away(&error))?;
        let (tls, trust) = (self.tls.clone(), self.trust);
        let connected = tokio::time::timeout(CONNECT, async {
            let stream = TcpStream::connect((at.host.as_str(), at.port)).await.map_err(|error| away(&error))?;
            let stream = TlsConnector::from(tls).connect(name, stream).await;
            let stream = stream.map_err(|error| tls::refused(&error, trust))?;
            http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(|error| away(&error))
        });
        let late = || Err(away(&format!("not within {} s", CONNECT.as_secs())));
        let (sender, connection) = connected.await.unwrap_or_else(|_| late())?;
        self.driver.abort_all();
        self.driver.spawn(async move {
            // Whoever waits for an answer is told.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// Why there is no answer.
enum Lost {
    /// The request was not taken, so it can be sent again.
    Unsent(Fault),
    /// It may have been carried out.
    Other(Fault),
}
