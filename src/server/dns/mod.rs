//! Names for the nodes: answers from the site where it knows the name, and asks a resolver for the rest. Serves only
//! machines of the provisioning network, on the provisioning interface. Caches no reply; the resolvers do.

mod forward;
mod places;
mod tcp;
mod upstreams;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use socket2::Type;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::capacity::{Capacity, descriptors};
use super::net::pace::{Budget, Pace};
use super::net::pinned;
use super::served::Served;
use crate::site::Site;
use crate::wire::dns::{Asked, Carrier, Query, Zone};
use forward::Forwarder;
use places::{Asker, Share};

pub(crate) const PORT: u16 = 53;
/// A question has a name of at most 255 bytes; with EDNS and its options it stays far below this.
const LONGEST_QUESTION: usize = 1232;
/// Questions per second. A node that installs asks some tens of them; questions forged in its name count as its own.
const QUESTIONS: Budget = Budget { node: 5000, stranger: 20, strangers: 40 };
/// Connections per second. They have a separate budget, so that datagrams forged in a node's name use up none of them.
const CONNECTIONS: Budget = Budget { node: 100, stranger: 20, strangers: 200 };
/// Questions of one node, and of one stranger, that may wait for a forwarder.
const WAITING_OF_A_NODE: usize = 64;
const WAITING_OF_A_STRANGER: usize = 16;
/// Connections of one machine.
const CONNECTIONS_EACH: usize = 4;

pub(crate) struct NameServer {
    udp: UdpSocket,
    tcp: TcpListener,
    address: Ipv4Addr,
}

impl NameServer {
    /// Binds both sockets to `interface` and `address`. Must be called within a runtime.
    pub(crate) fn bind(interface: &str, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let at = SocketAddrV4::new(address, port);
        let udp = pinned::bind(Type::DGRAM, Some(interface), at, pinned::with_room)?;
        let tcp = pinned::bind(Type::STREAM, Some(interface), at, |socket| socket.set_reuse_address(true))?;
        tcp.listen(128)?;
        Ok(Self { udp: UdpSocket::from_std(udp.into())?, tcp: TcpListener::from_std(tcp.into())?, address })
    }

    /// Answers until `shutdown`.
    pub(super) async fn run(self, served: watch::Receiver<Arc<Served>>, shutdown: CancellationToken) {
        let desk = Arc::new(NameDesk::new(self.address, served));
        let udp = Arc::new(self.udp);
        let mut waiting = JoinSet::new();
        let mut connections = tcp::Connections::default();
        let mut packet = [0; LONGEST_QUESTION];
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return, // dropping the sets ends whatever waits for a resolver
                Some(_) = waiting.join_next() => {}
                Some(_) = connections.ended() => {}
                received = udp.recv_from(&mut packet) => match received {
                    Ok((length, SocketAddr::V4(client))) => {
                        let Some(asker) = desk.admits(client, &desk.questions) else { continue };
                        let Some(query) = desk.at_once(&packet[..length], Carrier::Udp, &mut |reply| {
                            // Never waits: a client without an answer asks again.
                            let _ = udp.try_send_to(&reply, client.into());
                        }) else { continue };
                        let (desk, udp) = (desk.clone(), udp.clone());
                        waiting.spawn(async move {
                            let reply = desk.elsewhere(&query, asker).await;
                            let _ = udp.send_to(&reply, client).await;
                        });
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(pinned::AFTER_ERROR).await,
                },
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, SocketAddr::V4(client))) => {
                        if let Some(asker) = desk.admits(client, &desk.connections) {
                            connections.place(stream, asker, &desk);
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(pinned::AFTER_ERROR).await,
                },
            }
        }
    }
}

/// The part that both sockets share.
struct NameDesk {
    address: Ipv4Addr,
    served: watch::Receiver<Arc<Served>>,
    questions: Mutex<Pace>,
    connections: Mutex<Pace>,
    newest: Mutex<Option<Arc<Names>>>,
}

/// What is built from a site once and used until the next reload.
struct Names {
    site: Arc<Site>,
    zone: Zone,
    forwarder: Forwarder,
}

/// The shares of places of one kind of machine.
struct Shares {
    waiting: Share,
    connections: Share,
}

impl NameDesk {
    fn new(address: Ipv4Addr, served: watch::Receiver<Arc<Served>>) -> Self {
        let pace = |budget| Mutex::new(Pace::new(budget, Duration::from_secs(1)));
        Self { address, served, questions: pace(QUESTIONS), connections: pace(CONNECTIONS), newest: Mutex::default() }
    }

    /// The client at that address, if it may be answered. This machine asks nothing by way of the provisioning network,
    /// so a packet from our own address is a loop or a forgery.
    fn admits(&self, client: SocketAddrV4, pace: &Mutex<Pace>) -> Option<Asker> {
        let address = *client.ip();
        let (is_known, is_node) = {
            let site = &self.served.borrow().site;
            (pinned::may_answer(client, site), site.nodes.by_address(address).is_some())
        };
        let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_known || address == self.address || !pace.admits(address, is_node, Instant::now()) {
            tracing::debug!(peer = %client, "a question from outside the network, or too many questions");
            return None;
        }
        Some(Asker { address, is_node })
    }

    /// How much machines of this kind may have at once.
    fn shares(&self, asker: Asker) -> Shares {
        let capacity = Capacity::of(self.served.borrow().site.nodes.len(), descriptors()).names;
        let (part, waiting_each) = match asker.is_node {
            true => (capacity.nodes, WAITING_OF_A_NODE),
            false => (capacity.strangers, WAITING_OF_A_STRANGER),
        };
        Shares {
            waiting: Share { all: part.waiting, each: waiting_each },
            connections: Share { all: part.connections, each: CONNECTIONS_EACH },
        }
    }

    /// Answers whatever needs no resolver; returns the question that does.
    fn at_once(&self, bytes: &[u8], carrier: Carrier, answer: &mut dyn FnMut(Vec<u8>)) -> Option<Query> {
        let query = match Query::read(bytes, carrier) {
            Asked::Question(query) => *query,
            Asked::Refused(reply) => {
                answer(reply);
                return None;
            }
            Asked::Silence => return None,
        };
        let found = self.names().zone.look_up(query.name(), query.kind());
        match query.answer(found) {
            Some(reply) => {
                answer(reply);
                None
            }
            None => Some(query),
        }
    }

    /// The answer of a resolver, or a failure.
    async fn elsewhere(&self, query: &Query, asker: Asker) -> Vec<u8> {
        let reply = self.names().forwarder.ask(query, asker, self.shares(asker).waiting).await;
        reply.unwrap_or_else(|| query.failure(ResponseCode::ServFail))
    }

    fn names(&self) -> Arc<Names> {
        let site = self.served.borrow().site.clone();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(names) if Arc::ptr_eq(&names.site, &site) => names.clone(),
            _ => {
                let (zone, forwarder) = (Zone::of(&site), Forwarder::new(&site.server));
                newest.insert(Arc::new(Names { site, zone, forwarder })).clone()
            }
        }
    }
}
