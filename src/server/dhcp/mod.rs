//! Moves DHCP packets: receives them, asks `wire::dhcp::answer_to`, sends the reply and logs it. It decides nothing,
//! and keeps only counters and the addresses that strangers hold. It never touches the store, so a thousand machines
//! that power on at once cost no disk write.

mod counters;
mod leases;
pub(crate) mod lookout;
pub(crate) mod rivals;
mod seen;
mod sockets;
mod story;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use counters::DhcpCounters;
pub use seen::{Observer, Outcome, Seen};

use crate::server::net::machines::Machines;
use crate::server::net::pinned;
use crate::site::Site;
use crate::wire::dhcp::{Answer, Judgement, Port, Probe, SilenceReason, answer_at};
use counters::add;
use leases::Leases;
use rivals::Rivals;
use sockets::Sockets;
use story::Story;

/// Longer packets are not DHCP: they arrive truncated and are treated as malformed.
const LONGEST_PACKET: usize = 4096;

/// A DHCP server on one interface.
pub struct DhcpServer {
    sockets: Sockets,
    counters: Arc<DhcpCounters>,
    rivals: Arc<Rivals>,
    machines: Arc<Machines>,
}

impl DhcpServer {
    /// Binds to `interface`, on which `address` must be configured. On port 67 replies go to the ports of the RFC (68,
    /// relay agents 67); on any other port they go to the port that asked, so that a test needs no privilege; port 0
    /// picks a free one.
    pub fn bind(interface: &str, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let rivals = Arc::new(Rivals::new(Arc::default()));
        Ok(Self {
            sockets: Sockets::bind(interface, address, port)?,
            counters: Arc::default(),
            rivals,
            machines: Arc::default(),
        })
    }

    /// Shares what is known about other servers.
    pub(crate) fn beside(self, rivals: Arc<Rivals>) -> Self {
        Self { rivals, ..self }
    }

    /// Also answers as a PXE boot server, on port 4011.
    pub(crate) fn with_boot_server(self) -> io::Result<Self> {
        Ok(Self { sockets: self.sockets.with_boot_server()?, ..self })
    }

    /// Shares what machines showed.
    pub(crate) fn knowing(self, machines: Arc<Machines>) -> Self {
        Self { machines, ..self }
    }

    /// The counters; they stay valid after `run`.
    pub fn counters(&self) -> Arc<DhcpCounters> {
        Arc::clone(&self.counters)
    }

    /// Serves until `shutdown`. Every packet is answered from the newest `site`. `observer` is called after each
    /// request with what was asked and what was done; it must return at once.
    pub async fn run<S: AsRef<Site>>(
        self,
        site: watch::Receiver<Arc<S>>,
        shutdown: CancellationToken,
        observer: Observer,
    ) {
        let Self { sockets, counters, rivals, machines } = self;
        let interface = sockets.interface().to_string();
        let mut worker = match sockets.into_async() {
            Ok(sockets) => {
                let (leases, story) = (Leases::default(), Story::new(interface));
                Worker { sockets, counters, rivals, machines, leases, story, observer }
            }
            Err(error) => return tracing::error!(%interface, "DHCP stopped: cannot use its sockets: {error}"),
        };
        let (mut to_all, mut to_us, mut to_4011) = ([0; LONGEST_PACKET], [0; LONGEST_PACKET], [0; LONGEST_PACKET]);
        loop {
            let mut port = Port::Server;
            let received = tokio::select! {
                () = shutdown.cancelled() => return,
                packet = worker.sockets.receive_to_all(&mut to_all) => packet,
                packet = worker.sockets.receive_to_us(&mut to_us) => packet,
                packet = worker.sockets.receive_for_boot_server(&mut to_4011) => {
                    port = Port::BootServer;
                    packet
                }
            };
            match received {
                Ok((packet, from)) => {
                    let site = Arc::clone(&site.borrow());
                    worker.handle((*site).as_ref(), packet, from, port);
                }
                Err(error) => {
                    worker.story.cannot_receive(&error);
                    tokio::time::sleep(pinned::AFTER_ERROR).await;
                }
            }
        }
    }
}

struct Worker {
    sockets: sockets::AsyncSockets,
    counters: Arc<DhcpCounters>,
    rivals: Arc<Rivals>,
    machines: Arc<Machines>,
    leases: Leases,
    story: Story,
    observer: Observer,
}

impl Worker {
    /// Handles one packet. A panic, which would be our bug, costs only this packet.
    fn handle(&mut self, site: &Site, packet: &[u8], from: SocketAddrV4, port: Port) {
        add(&self.counters.received);
        let handled = catch_unwind(AssertUnwindSafe(|| self.answer(site, packet, from, port)));
        if handled.is_err() {
            add(&self.counters.panics);
            tracing::error!(peer = %from, bytes = packet.len(), "a bug: a DHCP packet made us panic; it was dropped");
        }
    }

    /// Answers the probe of another rackstart.
    fn show_ourselves(&self, site: &Site, probe: &Probe) {
        if !self.rivals.is_me(&probe.mark) {
            let answer = probe.answer(site.server.address, &self.rivals.mark());
            if let Err(error) = self.sockets.send_to_card(probe.mac, &answer) {
                tracing::debug!(mac = %probe.mac, "cannot answer another rackstart: {error}");
            }
        }
    }

    fn answer(&mut self, site: &Site, packet: &[u8], from: SocketAddrV4, port: Port) {
        // A boot server answers whatever address asks, so a forged one must be a machine of this site at least.
        if port == Port::BootServer && !pinned::may_answer(from, site) {
            return;
        }
        if let Some(probe) = Probe::read(packet) {
            return self.show_ourselves(site, &probe);
        }
        let judgement = answer_at(site, packet, port, |request| self.machines.refuses(request, Instant::now()));
        let answer = match (judgement, self.rivals.passive()) {
            (Judgement::Final(Answer::Reply(request, _)), Some(other)) => {
                Answer::Silence(request, SilenceReason::Passive(other))
            }
            (Judgement::Stranger(stranger), Some(other)) => stranger.silence(SilenceReason::Passive(other)),
            (Judgement::Final(answer), _) => answer,
            (Judgement::Stranger(stranger), None) => self.leases.settle(site, stranger, Instant::now()),
        };
        if let Answer::Silence(_, SilenceReason::ChoseAnotherServer(server)) = &answer
            && !site.server.allows_rivals
        {
            self.rivals.chosen(*server, Instant::now());
        }
        self.counters.count(&answer);
        let sent = match &answer {
            Answer::Reply(_, reply) => self.sockets.send(reply, from),
            Answer::Silence(..) | Answer::Malformed(_) => Ok(sockets::Way::AsMeant),
        };
        match &sent {
            Ok(sockets::Way::AsMeant) => {}
            Ok(sockets::Way::BroadcastInstead) => add(&self.counters.broadcast_instead),
            Err(_) => add(&self.counters.not_sent),
        }
        self.story.tell(&answer, &sent, from);
        if let Some(seen) = Seen::of(answer, sent) {
            (self.observer)(seen);
        }
    }
}
