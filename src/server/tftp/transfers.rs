//! The running transfers: who may start one, which one is ended for a new one, and which request is a repetition.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::error;

use super::rooms::Rooms;
use super::seen::Stop;
use super::serve::{self, Shared};
use crate::wire::tftp::{ErrorCode, Request};

/// The largest number of transfers at once that one client has acknowledged. Firmware has one, GRUB a few.
const MAX_PER_CLIENT: usize = 4;
/// The largest number of transfers in the name of one node that were never acknowledged. Anybody can ask in its name,
/// so the node's own request must survive some forged ones until its acknowledgement gets through a lossy link.
const MAX_UNHEARD_PER_NODE: usize = 64;
/// A transfer that has been silent for this long may be ended when all places are taken.
const GIVES_WAY_AFTER: Duration = Duration::from_secs(3);
/// A repeated request from the same port belongs to the running transfer, delayed by the network, if its client was
/// heard within this time: no machine reboots faster.
const REPEATS_WITHIN: Duration = Duration::from_secs(1);

/// What the server tells a running transfer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Continue.
    Serve,
    /// The client sent its request again.
    Repeat,
    /// End now.
    Stop(Stop),
}

/// When the client of a transfer was last heard.
#[derive(Debug)]
pub(super) struct LastHeard {
    started: Instant,
    /// Milliseconds since the start, plus one; 0 means never.
    after: AtomicU64,
}

impl LastHeard {
    fn new() -> Self {
        Self { started: Instant::now(), after: AtomicU64::new(0) }
    }

    pub(super) fn note(&self) {
        let after = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.after.store(after + 1, Ordering::Relaxed);
    }

    fn is_never(&self) -> bool {
        self.after.load(Ordering::Relaxed) == 0
    }

    /// How long the client has been silent; since the start, if it was never heard.
    fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.after.load(Ordering::Relaxed).saturating_sub(1));
        self.started.elapsed().saturating_sub(heard)
    }
}

#[derive(Debug)]
struct Running {
    task: Id,
    is_node: bool,
    request: Request,
    heard: Arc<LastHeard>,
    orders: watch::Sender<Order>,
}

/// All transfers, keyed by the client's address and port: its transfer identifier (RFC 1350 section 4).
pub(super) struct Transfers {
    shared: Arc<Shared>,
    running: HashMap<SocketAddrV4, Running>,
    rooms: Rooms,
    tasks: JoinSet<()>,
}

impl Transfers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, running: HashMap::new(), rooms: Rooms::default(), tasks: JoinSet::new() }
    }

    /// Whether a running transfer already answers this very request.
    pub(super) fn is_repeat(&self, client: SocketAddrV4, request: &Request) -> bool {
        self.running.get(&client).is_some_and(|earlier| {
            let is_under_way = earlier.heard.silence() < REPEATS_WITHIN;
            earlier.request == *request && (is_under_way || earlier.heard.is_never())
        })
    }

    /// Whether another transfer would have to end before one of this client could start.
    pub(super) fn lacks_place(&mut self, client: SocketAddrV4) -> bool {
        let is_node = self.shared.content.is_node(*client.ip());
        self.rooms.of_client(*client.ip()).len() >= MAX_PER_CLIENT || self.rooms.taken(is_node) >= self.places(is_node)
    }

    fn places(&self, is_node: bool) -> usize {
        let places = self.shared.content.places();
        if is_node { places.nodes } else { places.strangers }
    }

    /// Starts a transfer, if there is a place for it. A repeated request goes to the transfer that already answers it;
    /// any other request from the same port ends the earlier transfer there.
    pub(super) fn start(&mut self, client: SocketAddrV4, request: Request) {
        if self.is_repeat(client, &request) {
            if let Some(earlier) = self.running.get(&client) {
                earlier.orders.send_replace(Order::Repeat);
            }
            return;
        }
        self.stop(client, Stop::Replaced);
        let is_node = self.shared.content.is_node(*client.ip());
        if let Err(places) = self.make_room(client, is_node) {
            // Not answered: firmware asks again when it hears nothing, and boots something else when it hears an error.
            return self.shared.turned_away(client, format!("all {places} places for transfers are taken"));
        }
        let (orders, receiver) = watch::channel(Order::Serve);
        let heard = Arc::new(LastHeard::new());
        let serve = serve::serve(self.shared.clone(), client, request.clone(), heard.clone(), receiver);
        let task = self.tasks.spawn(serve).id();
        self.rooms.enter(client, is_node, task);
        self.running.insert(client, Running { task, is_node, request, heard, orders });
    }

    /// Tells a client why its request is not served, unless it was told something within the last second.
    pub(super) fn refuse(&mut self, client: SocketAddrV4, code: ErrorCode, text: String) {
        if self.shared.may_answer_with_error(client) {
            self.tasks.spawn(serve::refuse(self.shared.clone(), client, code, text));
        }
    }

    /// Waits for the end of a transfer; `None` if none is running.
    pub(super) async fn next_end(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        self.forget(ended);
        Some(())
    }

    /// Removes the transfers that have ended meanwhile.
    pub(super) fn note_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
    }

    /// Tells every transfer that the server stops.
    pub(super) fn stop_all(&mut self) {
        for running in self.running.values() {
            running.orders.send_replace(Order::Stop(Stop::ServerStops));
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(failure) => {
                error!(%failure, "a tftp transfer failed inside rackstart; the others go on");
                failure.id()
            }
        };
        if let Some(client) = self.rooms.of_task(task) {
            self.remove(client);
        }
    }

    fn remove(&mut self, client: SocketAddrV4) -> Option<Running> {
        let running = self.running.remove(&client)?;
        self.rooms.leave(client, running.is_node, running.task);
        Some(running)
    }

    fn stop(&mut self, client: SocketAddrV4, why: Stop) {
        if let Some(running) = self.remove(client) {
            running.orders.send_replace(Order::Stop(why));
        }
    }

    /// Makes room for one more transfer of this client. Of its own transfers, the most silent acknowledged one is
    /// ended, and the oldest one that was never acknowledged. With all places of its kind taken, the oldest one whose
    /// client was never heard is ended, or else the most silent one, if it has been silent long enough to be dead. An
    /// error holds the number of places.
    fn make_room(&mut self, client: SocketAddrV4, is_node: bool) -> Result<(), usize> {
        let running = &self.running;
        let silence = |other: &SocketAddrV4| running.get(other).map(|running| running.heard.silence());
        let is_unheard = |other: &SocketAddrV4| running.get(other).is_some_and(|running| running.heard.is_never());
        let (unheard, heard): (Vec<_>, Vec<_>) =
            self.rooms.of_client(*client.ip()).iter().copied().partition(is_unheard);
        let most_silent = heard.iter().copied().max_by_key(silence).filter(|_| heard.len() >= MAX_PER_CLIENT);
        let most_unheard = if is_node { MAX_UNHEARD_PER_NODE } else { MAX_PER_CLIENT };
        let oldest_unheard = unheard.first().copied().filter(|_| unheard.len() >= most_unheard);
        if let Some(other) = most_silent {
            self.stop(other, Stop::Crowded);
        }
        if let Some(other) = oldest_unheard {
            self.stop(other, Stop::Unheard);
        }
        let places = self.places(is_node);
        if self.rooms.taken(is_node) < places {
            return Ok(());
        }
        let running = &self.running;
        let is_unheard = |other| running.get(&other).is_some_and(|running| running.heard.is_never());
        if let Some(other) = self.rooms.oldest_unheard(is_node, is_unheard) {
            self.stop(other, Stop::Unheard);
            return Ok(());
        }
        let silence = |other: &SocketAddrV4| running.get(other).map(|running| running.heard.silence());
        let most_silent = self.rooms.all(is_node).max_by_key(silence).ok_or(places)?;
        if silence(&most_silent).is_none_or(|silence| silence < GIVES_WAY_AFTER) {
            return Err(places);
        }
        self.stop(most_silent, Stop::Crowded);
        Ok(())
    }
}
