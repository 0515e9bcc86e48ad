//! Looks for other DHCP servers on the link: sends a DHCPDISCOVER before the start and three times a minute, and
//! listens to what servers send to clients. Decides nothing; `rivals` does.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, SockFilter, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::own_cards;
use crate::server::dhcp::rivals::Rivals;
use crate::server::net::packet;
use crate::server::net::packet::{EVERYBODY, LinkSocket};
use crate::server::random;
use crate::site::{Mac, Site};
use crate::wire::datagram::{udp_in_frame, udp_in_ipv4};
use crate::wire::dhcp::{Heard, Probe};

/// Most servers answer within three seconds, because they ping the address first; a new one raises an alarm within 30
/// s.
const EVERY: Duration = Duration::from_secs(20);
/// How long the start waits for another rackstart, which answers at once.
const BEFORE_START: Duration = Duration::from_millis(600);
/// The pause after a failed receive, and between two lookouts that machines cause.
const PAUSE: Duration = Duration::from_secs(1);
/// The filter for received packets: UDP to port 68 in IPv4, whole or the first fragment. See bpf(4) for the
/// instructions.
const TO_CLIENTS: [SockFilter; 11] = [
    SockFilter::new(0x28, 0, 0, 12),     // EtherType
    SockFilter::new(0x15, 0, 8, 0x0800), // not IPv4: drop
    SockFilter::new(0x30, 0, 0, 23),     // protocol
    SockFilter::new(0x15, 0, 6, 17),     // not UDP: drop
    SockFilter::new(0x28, 0, 0, 20),     // fragment offset
    SockFilter::new(0x45, 4, 0, 0x1fff), // a later fragment: drop
    SockFilter::new(0xb1, 0, 0, 14),     // length of the IP header
    SockFilter::new(0x48, 0, 0, 16),     // destination port
    SockFilter::new(0x15, 0, 1, 68),     // not the client's: drop
    SockFilter::new(0x06, 0, 0, 0xffff), // take all of it
    SockFilter::new(0x06, 0, 0, 0),      // drop
];

pub(in crate::server) struct Lookout {
    socket: UdpSocket,
    link: LinkSocket,
    card: Mac,
    rivals: Arc<Rivals>,
}

impl Lookout {
    /// Opens the sockets; must be called within a tokio runtime. Fails without CAP_NET_RAW, and on interfaces without a
    /// MAC.
    pub(in crate::server) fn open(interface: &str, rivals: Arc<Rivals>) -> io::Result<Self> {
        let cards = own_cards::read()?;
        let card = cards.into_iter().find(|card| card.interface == interface);
        let card = card.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "it has no MAC"))?.mac;
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&TO_CLIENTS)?;
        let link = LinkSocket::open(interface)?;
        // Packets are received from here on.
        socket.bind(&packet::ipv4_of(&link))?;
        // Not UDP, but the same system calls: tokio has no type of its own for raw sockets.
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, link, card, rivals })
    }

    /// Looks once, and waits as long as another rackstart needs to answer.
    pub(in crate::server) async fn before_start(self) -> Self {
        for _ in 0..2 {
            self.ask();
            // It never ends by itself while the interface works.
            let _ = tokio::time::timeout(BEFORE_START / 2, self.hear(|| false)).await;
        }
        self
    }

    /// Looks until `shutdown`, unless the newest `site` allows other servers.
    pub(in crate::server) async fn run<S: AsRef<Site>>(
        self,
        site: watch::Receiver<Arc<S>>,
        shutdown: CancellationToken,
    ) {
        let allows = || (**site.borrow()).as_ref().server.allows_rivals;
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.hear(allows) => {}
                _ = ticks.tick() => self.look(allows()),
                () = self.rivals.wanted() => {
                    self.look(allows());
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn look(&self, allowed: bool) {
        if allowed {
            return self.rivals.allow();
        }
        self.rivals.forget(Instant::now());
        self.ask();
    }

    fn ask(&self) {
        let xid = u32::from_be_bytes(random::bytes());
        let discover = Probe { mac: self.card, xid, mark: self.rivals.mark() }.discover();
        let (from, to) = (SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68), SocketAddrV4::new(Ipv4Addr::BROADCAST, 67));
        if let Some(packet) = udp_in_ipv4(from, to, &discover)
            && let Err(error) = self.link.send(EVERYBODY, &packet)
        {
            tracing::debug!("cannot look for other DHCP servers: {error}");
        }
    }

    /// Listens until a receive fails; nothing is recorded while other servers are allowed.
    async fn hear(&self, allows: impl Fn() -> bool) {
        let mut frame = [0; 2048];
        while let Ok(length) = self.socket.recv(&mut frame).await {
            let Some((from, payload)) = udp_in_frame(&frame[..length]) else { continue };
            if from == self.card || allows() {
                continue;
            }
            if let Some(heard) = Heard::read(payload) {
                self.rivals.heard(&heard, from, Instant::now());
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long most servers need to answer: they ping the address first.
const ONE_LOOK: Duration = Duration::from_millis(3500);

/// Looks once for DHCP servers, for `rackstart doctor`: each with the card that its answer came from.
pub(crate) async fn others_on(interface: &str) -> io::Result<Vec<String>> {
    let rivals = Arc::new(Rivals::new(Arc::default()));
    let lookout = Lookout::open(interface, rivals.clone())?;
    lookout.ask();
    // It never ends by itself while the interface works.
    let _ = tokio::time::timeout(ONE_LOOK, lookout.hear(|| false)).await;
    Ok(rivals.list())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interface_without_a_card_has_no_look_out() {
        let rivals = Arc::new(Rivals::new(Arc::default()));
        assert!(Lookout::open("lo", rivals.clone()).is_err());
        assert!(Lookout::open("nosuchif0", rivals).is_err());
    }
}
