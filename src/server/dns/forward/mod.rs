//! Asks a resolver in a node's place. Whatever happens, a node hears of it within four seconds, before its own resolver
//! gives up; and at once while all servers are silent. A server counts as silent when it does not even answer a question of
//! our own, which nobody on the link can choose: a name without an answer silences nobody.

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

/// A datagram may get lost: it is sent again after the first wait, and a question of our own beside it.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(800)];
/// How long a server that was silent is not asked again.
const REST: Duration = Duration::from_secs(3);
/// The port of every server.
const PORT: u16 = 53;

/// The way to the servers.
pub(super) struct Forwarder {
    upstreams: Upstreams,
    port: u16,
    standings: Mutex<HashMap<IpAddr, Standing>>,
    waiting: Places,
}

/// What is known of a server.
#[derive(Default)]
struct Standing {
    /// When it last answered anything.
    heard: Option<Instant>,
    /// When it was found silent, if it did not answer since.
    silent: Option<Instant>,
}

impl Forwarder {
    pub(super) fn new(server: &Server) -> Self {
        Self::to(Upstreams::new(server.address, server.dns_forwarders.clone()), PORT)
    }

    fn to(upstreams: Upstreams, port: u16) -> Self {
        Self { upstreams, port, standings: Mutex::default(), waiting: Places::default() }
    }

    /// The reply of the first server that has one, ready for the asker; none when nobody has, or when a newer question was
    /// given its place of those in `share`.
    pub(super) async fn ask(&self, query: &Query, asker: Asker, share: Share) -> Option<Vec<u8>> {
        let place = self.waiting.take(asker, share);
        tokio::select! {
            () = place.lost() => None,
            reply = self.ask_each(query, asker.address) => reply,
        }
    }

    /// A server that asks is never asked in return: it would ask for ever.
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

    /// Nothing of what was asked of a server from `asked` on on one socket was answered. Others may have heard it since.
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

    /// A new number and a new port for every question: whoever forges a reply has to guess both.
    async fn exchange(&self, query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
        match query.carrier() {
            Carrier::Udp => self.by_udp(query, server).await,
            // It says nothing of a server that it is silent by TCP: some never speak it.
            Carrier::Tcp => timeout(WAITS.iter().sum(), by_tcp(query, server)).await.map_err(|_| silent())?,
        }
    }

    async fn by_udp(&self, query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        // The kernel then hears this server alone, and tells when there is none.
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
                    // What is no reply to this question is a forgery or late; the right one may still come.
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
