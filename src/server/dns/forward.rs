//! Asks a resolver in a node's place. Whatever happens, a node hears of it within four seconds, before its own resolver
//! gives up; and at once while all servers are silent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::upstreams::Upstreams;
use crate::server::random;
use crate::site::Server;
use crate::wire::dns::{Carrier, Query};

/// A datagram may get lost: it is sent again after the first wait.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(800)];
/// How long a server that was silent is not asked again.
const REST: Duration = Duration::from_secs(3);
/// Questions that wait for a server, of one machine and of all.
const WAITING_EACH: usize = 64;
const WAITING: usize = 1024;
/// The port of every server.
const PORT: u16 = 53;

/// The way to the servers.
pub(super) struct Forwarder {
    upstreams: Upstreams,
    port: u16,
    /// Servers that were silent, and since when.
    silent: Mutex<HashMap<IpAddr, Instant>>,
    waiting: Mutex<HashMap<Ipv4Addr, usize>>,
}

impl Forwarder {
    pub(super) fn new(server: &Server) -> Self {
        Self::to(Upstreams::new(server.address, server.dns_forwarders.clone()), PORT)
    }

    fn to(upstreams: Upstreams, port: u16) -> Self {
        Self { upstreams, port, silent: Mutex::default(), waiting: Mutex::default() }
    }

    /// The reply of the first server that has one, ready for the asker; none when nobody has. A server that asks is never
    /// asked in return: it would ask for ever.
    pub(super) async fn ask(&self, query: &Query, asker: Ipv4Addr) -> Option<Vec<u8>> {
        let _place = self.place(asker)?;
        let mut last = None;
        for server in self.upstreams.now() {
            if server == asker || self.rests(server) {
                continue;
            }
            match self.exchange(query, SocketAddr::new(server, self.port)).await {
                Ok(reply) => {
                    lock(&self.silent).remove(&server);
                    if !Query::is_failure(&reply) {
                        return Some(reply);
                    }
                    last = Some(reply);
                }
                Err(error) => {
                    tracing::debug!(%server, %error, "a name server has no reply");
                    lock(&self.silent).insert(server, Instant::now());
                }
            }
        }
        last
    }

    fn rests(&self, server: IpAddr) -> bool {
        lock(&self.silent).get(&server).is_some_and(|since| since.elapsed() < REST)
    }

    /// A new number and a new port for every question: whoever forges a reply has to guess both.
    async fn exchange(&self, query: &Query, server: SocketAddr) -> io::Result<Vec<u8>> {
        let id = u16::from_be_bytes(random::bytes());
        let question = query.onward(id);
        let take_back = |reply: &[u8]| query.take_back(id, reply);
        match query.carrier() {
            Carrier::Udp => by_udp(&question, server, take_back).await,
            Carrier::Tcp => {
                let patience = WAITS.iter().sum();
                timeout(patience, by_tcp(&question, server, take_back)).await.map_err(|_| silent())?
            }
        }
    }

    fn place(&self, asker: Ipv4Addr) -> Option<Place<'_>> {
        let mut waiting = lock(&self.waiting);
        let all: usize = waiting.values().sum();
        let own = waiting.entry(asker).or_default();
        if *own >= WAITING_EACH || all >= WAITING {
            return None;
        }
        *own += 1;
        Some(Place { waiting: &self.waiting, asker })
    }
}

/// A question that waits.
struct Place<'a> {
    waiting: &'a Mutex<HashMap<Ipv4Addr, usize>>,
    asker: Ipv4Addr,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(self.waiting);
        if let Some(own) = waiting.get_mut(&self.asker) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.asker);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn by_udp(
    question: &[u8],
    server: SocketAddr,
    take_back: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // The kernel then hears this server alone, and tells when there is none.
    socket.connect(server).await?;
    let mut buffer = vec![0; 4096];
    for patience in WAITS {
        socket.send(question).await?;
        let reply = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                // What is no reply to this question is a forgery or late; the right one may still come.
                if let Some(reply) = take_back(&buffer[..length]) {
                    return io::Result::Ok(reply);
                }
            }
        };
        if let Ok(reply) = timeout(patience, reply).await {
            return reply;
        }
    }
    Err(silent())
}

async fn by_tcp(
    question: &[u8],
    server: SocketAddr,
    take_back: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&super::tcp::framed(question)).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await?;
    take_back(&reply).ok_or_else(|| io::Error::other("the reply is to another question"))
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it is silent")
}

#[cfg(test)]
mod tests;
