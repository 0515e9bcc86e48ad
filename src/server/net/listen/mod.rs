//! Admits HTTP connections and ends those that only cost: every wait for a peer is limited, nobody gets all places, and
//! nodes have places that no stranger can take. `axum::serve` has none of these limits.

mod arrival;
mod arriving;
mod held;
mod host;
mod patience;
mod places;
mod reasons;
mod spans;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::server::net::log_limit::LogLimit;
use crate::server::net::pinned;
use held::Held;
use patience::Patience;
use places::{Place, Places};
use reasons::Reasons;
use spans::{Spans, Spliced};

pub(crate) use arrival::Arrival;
pub(crate) use arriving::{MAX_BODY_BYTES, Missing};
pub use places::Share;
pub(crate) use places::{Download, Visit};
pub(crate) use spans::MAX_SPAN;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// The largest part of a request, including its head, that is buffered before it is handled, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long a connection that is being served may take to end after its place was given to another.
const FAREWELL: Duration = Duration::from_secs(1);

/// What one connection, one peer, and all together may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time until the head of a request must be complete. An idle connection is also kept for this long.
    pub head: Duration,
    /// Time until the body of a request must be complete. Until then the connection counts as idle.
    pub body: Duration,
    /// How long a peer may accept nothing of a response before it is considered gone.
    pub stall: Duration,
    /// Places of nodes.
    pub nodes: Share,
    /// Places of strangers.
    pub strangers: Share,
}

impl Default for Limits {
    fn default() -> Self {
        let share = Share { all: 256, each: 16 };
        let seconds = Duration::from_secs;
        Self { head: seconds(10), body: seconds(30), stall: seconds(30), nodes: share, strangers: share }
    }
}

/// Decides which peers are nodes, and how much peers may use at once.
pub trait Guests: Send + Sync {
    /// Whether this is the address of a node, which has separate places.
    fn is_node(&self, peer: IpAddr) -> bool;

    /// The current limits; queried for every connection.
    fn limits(&self) -> Limits;

    /// Called when a connection was refused because all places were taken.
    fn refused(&self) {}
}

/// Fixed limits, for a listener that knows no nodes.
impl Guests for Limits {
    fn is_node(&self, _: IpAddr) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        *self
    }
}

/// Listens on `address`, only on `interface`. A restarted daemon can bind its port again at once.
pub(crate) fn bind(interface: &str, address: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = pinned::bind(Type::STREAM, Some(interface), address, |socket| socket.set_reuse_address(true))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `shutdown`, then until the running responses are finished. Drop the future to end them earlier.
pub async fn serve(listener: TcpListener, app: Router, guests: impl Guests, shutdown: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(guests.limits().head).max_buf_size(HEAD_LIMIT);
    let mut door = Door { guests, places: Places::default(), log: LogLimit::new(1, MINUTE, 10) };
    let malformed = Arc::new(Mutex::new(LogLimit::new(1, MINUTE, 10)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                note_panic(&ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some((place, limits)) = door.let_in(peer.ip()) {
                    notice_death(&stream);
                    let spans = Spans::default();
                    let stream = Patience::new(Spliced::new(stream, spans.clone()), limits.stall);
                    let (place, malformed) = (Arc::new(place), malformed.clone());
                    let (http, app, body, arrival) = (http.clone(), app.clone(), limits.body, Arrival::now());
                    let connection = Connection { http, app, peer, arrival, place, malformed, body, spans };
                    connections.spawn(connection.serve(stream, shutdown.clone()));
                }
            }
            Err(error) => door.failed(&error).await,
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note_panic(&ended);
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A panic, which would be our bug, costs only its connection.
fn note_panic(ended: &Result<(), JoinError>) {
    if let Err(failure) = ended {
        tracing::error!(%failure, "a bug: an HTTP request made us panic; its connection was ended");
    }
}

/// Enables keep-alive: a peer that lost power cannot even say that it is gone, so the kernel probes it and ends the
/// connection after two minutes at the latest.
fn notice_death(stream: &TcpStream) {
    let seconds = Duration::from_secs;
    let ask = TcpKeepalive::new().with_time(seconds(60)).with_interval(seconds(15)).with_retries(4);
    let _ = SockRef::from(stream).set_tcp_keepalive(&ask);
}

/// Admits connections.
struct Door<G> {
    guests: G,
    places: Places,
    log: LogLimit<IpAddr>,
}

impl<G: Guests> Door<G> {
    fn let_in(&mut self, peer: IpAddr) -> Option<(Place, Limits)> {
        let (limits, is_node) = (self.guests.limits(), self.guests.is_node(peer));
        let share = if is_node { limits.nodes } else { limits.strangers };
        match self.places.take(peer, is_node, share) {
            Ok((place, None)) => Some((place, limits)),
            Ok((place, Some(full))) => {
                if let Some(held_back) = self.log.ask(peer, Instant::now()) {
                    tracing::warn!(%peer, held_back, "an idle HTTP connection was closed for a new one: {full}");
                }
                Some((place, limits))
            }
            Err(full) => {
                self.guests.refused();
                if let Some(held_back) = self.log.ask(peer, Instant::now()) {
                    tracing::warn!(%peer, held_back, "an HTTP connection was refused: {full}");
                }
                None
            }
        }
    }

    async fn failed(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // The peer disconnected before it was accepted; that says nothing about the listening socket.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        if let Some(held_back) = self.log.ask(NOBODY, Instant::now()) {
            tracing::error!(held_back, "cannot accept HTTP connections: {error}");
        }
        tokio::time::sleep(pinned::AFTER_ERROR).await;
    }
}

/// Logs who sent something other than HTTP, one line per minute.
fn note_refusal(malformed: &Mutex<LogLimit<IpAddr>>, peer: SocketAddr, why: &dyn fmt::Display) {
    let mut limit = malformed.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(held_back) = limit.ask(peer.ip(), Instant::now()) {
        tracing::warn!(%peer, held_back, "a malformed HTTP request was refused (400): {why}");
    }
}

/// One connection and the place that it takes.
struct Connection {
    http: http1::Builder,
    app: Router,
    peer: SocketAddr,
    arrival: Arrival,
    place: Arc<Place>,
    /// Limits the warnings about malformed requests, per peer.
    malformed: Arc<Mutex<LogLimit<IpAddr>>>,
    /// How long the body of a request may take.
    body: Duration,
    /// The parts of files that are sent on it.
    spans: Spans,
}

impl Connection {
    async fn serve(self, stream: Patience<Spliced>, shutdown: CancellationToken) {
        let Self { http, app, peer, arrival, place, malformed, body, spans } = self;
        // Without TCP_NODELAY, Nagle and delayed ACK cost 40 ms per small file.
        let _ = stream.get_ref().get_ref().set_nodelay(true);
        let service = service_fn(|request: Request<Incoming>| {
            let (place, mut app, shutdown) = (place.clone(), app.clone(), shutdown.clone());
            let (malformed, spans) = (malformed.clone(), spans.clone());
            async move {
                if let Some(why) = host::fault(request.version(), request.headers()) {
                    note_refusal(&malformed, peer, &why);
                    let asking = place.asks();
                    return Ok(host::refusal(why).map(|body| Held::new(body, asking)));
                }
                let mut request = arriving::arrived(request, body, &shutdown).await;
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(arrival);
                request.extensions_mut().insert(Visit::new(place.clone(), spans));
                let asking = place.asks();
                app.call(request).await.map(|response| response.map(|body| Held::new(body, asking)))
            }
        });
        let stream = Reasons::new(stream, place.clone());
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.leave().cancelled() => {
                if !place.has_asked() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(FAREWELL, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // hyper answered it with 400 before it reached our code. An installer whose loader sends this waits for
            // ever.
            if error.is_parse() {
                note_refusal(&malformed, peer, &error);
            }
            tracing::debug!(%peer, "HTTP connection ended: {error}");
        }
    }
}
