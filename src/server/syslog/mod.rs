//! Receives the logs of the installers: by UDP, and by TCP because that is what Anaconda's rsyslog uses, whatever its
//! manual says. Logs are accepted only from nodes that are armed or being installed, and only if the neighbour table
//! confirms the sender. Reading never stops for a full disk or a slow store: an installer that logs must not wait for
//! us.

mod files;
mod senders;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use socket2::Type;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::net::neighbours::Neighbours;
use super::net::pinned;
use super::served::Served;
use super::timeline::recent::Recent;
use crate::lifecycle::State;
use crate::site::{Mac, NodeName};
use crate::store::Store;
use crate::timeline::harmless;
use crate::wire::syslog::{Frames, LONGEST, Message, Severity, parse};
use files::{Line, Logs};
use senders::{Heard, Senders};

/// The port that installers send to.
pub(crate) const PORT: u16 = 514;
/// Connections of one node. A machine that was switched off leaves its connections behind, so the oldest one is closed.
const CONNECTIONS: usize = 4;
/// A connection that is silent for this long is closed.
const IDLE: Duration = Duration::from_mins(60);
/// Lines that may wait for the disk.
const QUEUE: usize = 8192;
/// Lines written in one go.
const BATCH: usize = 1024;

pub(crate) struct SyslogServer {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl SyslogServer {
    /// Binds both sockets to `interface` and `address`. Must be called within a runtime.
    pub(crate) fn bind(interface: &str, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let at = SocketAddrV4::new(address, port);
        let udp = pinned::bind(Type::DGRAM, Some(interface), at, |_| Ok(()))?;
        let at = SocketAddrV4::new(address, udp.local_addr()?.as_socket_ipv4().map_or(port, |at| at.port()));
        let tcp = pinned::bind(Type::STREAM, Some(interface), at, |socket| socket.set_reuse_address(true))?;
        tcp.listen(256)?;
        Ok(Self { udp: UdpSocket::from_std(udp.into())?, tcp: TcpListener::from_std(tcp.into())? })
    }

    /// Receives until `shutdown`; logs are written below `folder`.
    pub(super) async fn run(
        self,
        folder: PathBuf,
        served: watch::Receiver<Arc<Served>>,
        recent: Arc<Recent>,
        store: Store,
        neighbours: Arc<dyn Neighbours>,
        shutdown: CancellationToken,
    ) {
        let Self { udp, tcp } = self;
        let (lines, queue) = mpsc::channel(QUEUE);
        let senders = Mutex::new(Senders::new(neighbours));
        let desk = Arc::new(Collector { served, recent, store, lines, senders, lost: AtomicU64::default() });
        let writer = tokio::spawn(files::write(Logs::new(folder), queue, BATCH));
        let mut connections = Connections::default();
        let mut packet = vec![0; LONGEST];
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                received = udp.recv_from(&mut packet) => match received {
                    Ok((length, from)) => desk.hear(from.ip(), &packet[..length]),
                    Err(_) => tokio::time::sleep(pinned::AFTER_ERROR).await,
                },
                accepted = tcp.accept() => match accepted {
                    Ok((stream, from)) if desk.sender(from.ip()).is_some() => {
                        let order = connections.place(from.ip(), &shutdown);
                        tokio::spawn(listen(stream, from.ip(), desk.clone(), order));
                    }
                    Ok((_, from)) => tracing::debug!(peer = %from, "a log was refused, because it came from no node"),
                    Err(_) => tokio::time::sleep(pinned::AFTER_ERROR).await,
                },
            }
        }
        drop((connections, desk)); // the reading tasks end at shutdown, and the queue ends with the last of them
        if let Err(error) = writer.await {
            tracing::error!(%error, "the writer of the installers' logs failed");
        }
    }
}

/// The connections of each node, oldest first.
#[derive(Default)]
struct Connections(HashMap<IpAddr, VecDeque<CancellationToken>>);

impl Connections {
    fn place(&mut self, peer: IpAddr, shutdown: &CancellationToken) -> CancellationToken {
        let places = self.0.entry(peer).or_default();
        if places.len() == CONNECTIONS
            && let Some(oldest) = places.pop_front()
        {
            oldest.cancel();
        }
        let order = shutdown.child_token();
        places.push_back(order.clone());
        order
    }
}

/// Reads one connection to its end.
async fn listen(mut stream: TcpStream, peer: IpAddr, desk: Arc<Collector>, order: CancellationToken) {
    let (mut frames, mut buffer) = (Frames::default(), vec![0; 16 * 1024]);
    loop {
        let read = tokio::select! {
            () = order.cancelled() => return,
            read = tokio::time::timeout(IDLE, stream.read(&mut buffer)) => read,
        };
        let Ok(Ok(length @ 1..)) = read else { return };
        for message in frames.push(&buffer[..length]) {
            desk.hear(peer, &message);
        }
    }
}

/// Collects the messages of all nodes.
struct Collector {
    served: watch::Receiver<Arc<Served>>,
    recent: Arc<Recent>,
    store: Store,
    lines: mpsc::Sender<Line>,
    senders: Mutex<Senders>,
    lost: AtomicU64,
}

impl Collector {
    /// The node whose installer may log from this address now, and its current attempt.
    fn sender(&self, peer: IpAddr) -> Option<(Mac, NodeName, String)> {
        let IpAddr::V4(address) = peer else { return None };
        let site = self.served.borrow().site.clone();
        let node = site.nodes.by_address(address)?;
        let state = self.store.record(node.mac)?.state;
        let (State::Armed { attempt, .. } | State::Installing { attempt, .. }) = state else { return None };
        let is_node = self.senders().is(node, site.is_routed(address), Instant::now());
        is_node.then(|| (node.mac, node.name.clone(), attempt.id.to_string()))
    }

    fn senders(&self) -> MutexGuard<'_, Senders> {
        self.senders.lock().expect("no holder of this lock panics")
    }

    fn hear(&self, peer: IpAddr, message: &[u8]) {
        let Some((mac, node, attempt)) = self.sender(peer) else { return };
        let heard = self.senders().hear(mac, Instant::now());
        match heard {
            Heard::Kept => {}
            Heard::HeldBack(None) => return,
            Heard::HeldBack(Some(held_back)) => {
                return tracing::warn!(%node, %mac, held_back, "its installer logs faster than the limit");
            }
        }
        let Message { severity, program, text } = parse(message);
        let said = match program.is_empty() {
            true => format!("{severity}: {text}"),
            false => format!("{severity} {program}: {text}"),
        };
        // What an installer prints, for example its kernel's command line, contains the URL of its kickstart.
        let said = harmless(&self.store.redactor().clean(&said), LONGEST);
        if severity <= Severity::Warning {
            self.recent.note(mac, "installer", &said);
        }
        let line = Line { node, attempt, said };
        if self.lines.try_send(line).is_err() && self.lost.fetch_add(1, Ordering::Relaxed).is_multiple_of(10_000) {
            tracing::warn!("the disk does not keep up with the installers' logs: lines are lost");
        }
    }
}
