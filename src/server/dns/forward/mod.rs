//! Asks a resolver on behalf of a node. The node always gets an answer within four seconds, before its own resolver
//! gives up, and at once while all servers are silent. A server counts as silent when it does not even answer our own
//! probe, whose name nobody on the link can choose: a name without an answer does not mark a server as silent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::places::{Asker, Places, Share};
use super::upstreams::Upstreams;
use crate::server::random;
use crate::site::Server;
use crate::wire::dns::{Carrier, Query};

/// The waits for a reply. A datagram may get lost: after the first wait it is sent again, together with our own probe.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(800)];
/// How long a silent server is not asked again.
const REST: Duration = Duration::from_secs(3);
/// The port of every server.
const PORT: u16 = 53;

/// Forwards questions to the servers.
pub(super) struct Forwarder {
    upstreams: Upstreams,
    port: u16,
    standings: Mutex<HashMap<IpAddr, Standing>>,
    waiting: Places,
}

/// What is known about a server.
#[derive(Default)]
struct Standing {
    /// When it last answered anything.
    heard: Option<Instant>,
    /// When it was found silent, unless it has answered since.
    silent: Option<Instant>,
}

impl Forwarder {
    pub(super) fn new(server: &Server) -> Self {
        Self::to(Upstreams::new(server.address, server.dns_forwarders.clone()), PORT)
    }

    fn to(upstreams: Upstreams, port: u16) -> Self {
        Self { upstreams, port, standings: Mutex::default(), waiting: Places::default() }
    }

    /// The reply of the first server that has one, ready for the client; `None` when no server has one, or when a newer
    /// question was given its place in `share`.
    pub(super) async fn ask(&self, query: &Query, asker: Asker, share: Share) -> Option<Vec<u8>> {
        let place = self.waiting.take(asker, share);
        tokio::select! {
            () = place.lost() => None,
            reply = self.ask_each(query, asker.address) => reply,
        }
    }

    /// Asks one server after the other. A server that is itself the client is left out: it would ask for ever.
    async fn ask_each(&self, query: &Query, asker: Ipv4Addr) -> Option<Vec<u8>> {
        let mut last = None;
        for server in self.upstreams.now() {
            if server == asker || self.rests(server) {
                continue;
            }
            match self.exchange(query, SocketAddr::new(server, self.port)).await {
                Ok(reply) => {
                    self.heard(server);
                    if !Query::is_failure(&reply) {
                        return Some(reply);
                    }
                    last = Some(reply);
                }
                Err(error) => tracing::debug!(%server, %error, "a name server has no reply"),
            }
        }
        last
    }

    fn rests(&self, server: IpAddr) -> bool {
        let standings = self.standings();
        standings.get(&server).and_then(|standing| standing.silent).is_some_and(|since| since.elapsed() < REST)
    }

    fn heard(&self, server: IpAddr) {
        self.standings().insert(server, Standing { heard: Some(Instant::now()), silent: None });
    }

    /// Records that a server answered nothing that was sent from `asked` on over one socket. Another question may have
    /// heard from it since.
    fn not_heard(&self, server: IpAddr, asked: Instant) {
        let mut standings = self.standings();
        let standing = standings.entry(server).or_default();
        if standing.heard.is_none_or(|heard| heard < asked) {
            standing.silent = Some(Instant::now());
        }
    }

    fn standings(&self) -> MutexGuard<'_, HashMap<IpAddr, Standing>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every question has a new ID and a new port: to forge a reply both must be guessed.
    async fn exchange(&self, query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
        match query.carrier() {
            Carrier::Udp => self.by_udp(query, server).await,
            // Silence by TCP does not mark a server as silent: some never speak TCP.
            Carrier::Tcp => timeout(WAITS.iter().sum(), by_tcp(query, server)).await.map_err(|_| silent())?,
        }
    }

    async fn by_udp(&self, query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        // On a connected socket the kernel delivers only this server's packets, and reports a closed port.
        socket.connect(server).await?;
        let (asked, own, id, own_id) = (Instant::now(), Query::of_the_root(), number(), number());
        let mut buffer = vec![0; 4096];
        for (turn, patience) in WAITS.into_iter().enumerate() {
            socket.send(&query.onward(id)).await?;
            if turn > 0 {
                socket.send(&own.onward(own_id)).await?;
            }
            let reply = async {
                loop {
                    let length = socket.recv(&mut buffer).await?;
                    // A packet that is not a reply to this question is forged or late; the right one may still come.
                    if let Some(reply) = query.take_back(id, &buffer[..length]) {
                        return io::Result::Ok(reply);
                    }
                    if own.take_back(own_id, &buffer[..length]).is_some() {
                        self.heard(server.ip());
                    }
                }
            };
            if let Ok(reply) = timeout(patience, reply).await {
                return reply;
            }
        }
        self.not_heard(server.ip(), asked);
        Err(silent())
    }
}

fn number() -> u16 {
    u16::from_be_bytes(random::bytes())
}

async fn by_tcp(query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
    let id = number();
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&super::tcp::framed(&query.onward(id))).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await?;
    query.take_back(id, &reply).ok_or_else(|| io::Error::other("the reply is to another question"))
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it is silent")
}

#[cfg(test)]
mod tests;
