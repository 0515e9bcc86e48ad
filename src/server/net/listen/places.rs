//! Places for connections: nodes and strangers have separate ones. When they are taken, the newest connection without a
//! running request is closed; and some of the places are reserved from downloads, so that a short request never waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio_util::sync::CancellationToken;

use super::spans::Spans;

/// What all running downloads together may hold in memory, in bytes.
const MAX_CHUNKS: usize = 64 << 20;
/// Bytes per read of a download: larger reads cost less per gigabyte.
const CHUNK: usize = 256 << 10;
/// The smallest read that is still worthwhile, in bytes.
const SMALLEST_CHUNK: usize = 16 << 10;

/// Places of one kind of peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The largest number of connections of all these peers together.
    pub all: usize,
    /// The largest number of connections of each peer.
    pub each: usize,
}

impl Share {
    /// How many of the places may be downloads.
    fn downloads(self) -> Self {
        let most = |places: usize| (places - places / 4).max(1);
        Self { all: most(self.all), each: most(self.each) }
    }
}

/// All places of one listener.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    last: u64,
    guests: BTreeMap<u64, Guest>,
    peers: HashMap<IpAddr, Peer>,
    nodes: Room,
    strangers: Room,
}

struct Guest {
    peer: IpAddr,
    is_node: bool,
    leave: CancellationToken,
}

#[derive(Default)]
struct Peer {
    guests: BTreeSet<u64>,
    downloads: usize,
}

#[derive(Default)]
struct Room {
    taken: usize,
    downloads: usize,
    /// Connections without a running request, by age.
    idle: BTreeSet<u64>,
}

/// One place; dropping it frees it.
pub(super) struct Place {
    number: u64,
    peer: IpAddr,
    is_node: bool,
    share: Share,
    leave: CancellationToken,
    places: Places,
    has_asked: AtomicBool,
    /// Whether a request has ended that had downloads whose last bytes may not be sent yet.
    ended: AtomicBool,
    ended_downloads: AtomicUsize,
}

/// Which limit was reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    Peer(usize),
    Nodes(usize),
    Strangers(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(limit) => write!(f, "this peer has {limit} connections already"),
            Self::Nodes(limit) => write!(f, "all {limit} connections of nodes are taken"),
            Self::Strangers(limit) => write!(f, "all {limit} connections of strangers are taken"),
        }
    }
}

impl Places {
    /// Takes a place for a connection of `peer`; also returns which limit was reached if another connection had to be
    /// closed.
    pub(super) fn take(&self, peer: IpAddr, is_node: bool, share: Share) -> Result<(Place, Option<Full>), Full> {
        let mut taken = self.lock();
        let mut gave_way = None;
        if taken.peers.get(&peer).is_some_and(|peer| peer.guests.len() >= share.each) {
            let full = || Full::Peer(share.each);
            let own = taken.newest_idle_of(peer).ok_or_else(full)?;
            taken.send_away(own);
            gave_way = Some(full());
        } else if taken.room(is_node).taken >= share.all {
            let full = || if is_node { Full::Nodes(share.all) } else { Full::Strangers(share.all) };
            let newest = taken.room(is_node).idle.last().copied().ok_or_else(full)?;
            taken.send_away(newest);
            gave_way = Some(full());
        }
        let leave = CancellationToken::new();
        let number = taken.enter(Guest { peer, is_node, leave: leave.clone() });
        let (has_asked, ended, ended_downloads) = Default::default();
        let places = self.clone();
        let place = Place { number, peer, is_node, share, leave, places, has_asked, ended, ended_downloads };
        Ok((place, gave_way))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn room(&mut self, is_node: bool) -> &mut Room {
        if is_node { &mut self.nodes } else { &mut self.strangers }
    }

    fn enter(&mut self, guest: Guest) -> u64 {
        self.last += 1;
        let number = self.last;
        self.peers.entry(guest.peer).or_default().guests.insert(number);
        let room = self.room(guest.is_node);
        room.taken += 1;
        room.idle.insert(number);
        self.guests.insert(number, guest);
        number
    }

    fn newest_idle_of(&self, peer: IpAddr) -> Option<u64> {
        let is_idle = |number: &&u64| self.nodes.idle.contains(number) || self.strangers.idle.contains(number);
        self.peers.get(&peer)?.guests.iter().rev().find(is_idle).copied()
    }

    /// Takes a connection's place away, and tells the connection to end.
    fn send_away(&mut self, number: u64) {
        if let Some(guest) = self.remove(number) {
            guest.leave.cancel();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Guest> {
        let guest = self.guests.remove(&number)?;
        let room = self.room(guest.is_node);
        room.taken -= 1;
        room.idle.remove(&number);
        if let Some(peer) = self.peers.get_mut(&guest.peer) {
            peer.guests.remove(&number);
            self.forget_if_gone(guest.peer);
        }
        Some(guest)
    }

    fn forget_if_gone(&mut self, peer: IpAddr) {
        if self.peers.get(&peer).is_some_and(|peer| peer.guests.is_empty() && peer.downloads == 0) {
            self.peers.remove(&peer);
        }
    }

    /// Records whether a request is running on a connection; does nothing if its place was taken away.
    fn is_idle(&mut self, number: u64, idle: bool) {
        let Some(is_node) = self.guests.get(&number).map(|guest| guest.is_node) else { return };
        let room = self.room(is_node);
        if idle {
            room.idle.insert(number);
        } else {
            room.idle.remove(&number);
        }
    }

    fn end_downloads(&mut self, peer: IpAddr, is_node: bool, count: usize) {
        self.room(is_node).downloads -= count;
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.downloads -= count;
        }
        self.forget_if_gone(peer);
    }
}

impl Place {
    /// Cancelled when the connection must end because its place was given to another.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.leave
    }

    /// Whether a complete request has arrived.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Marks a request as running until the returned value is dropped and what it wrote is sent.
    pub(super) fn asks(self: &Arc<Self>) -> Asking {
        self.has_asked.store(true, Ordering::Relaxed);
        self.ended.store(false, Ordering::Relaxed);
        self.places.lock().is_idle(self.number, false);
        Asking(self.clone())
    }

    /// Records that everything written so far was sent.
    pub(super) fn sent(&self) {
        if self.ended.swap(false, Ordering::Relaxed) {
            self.places.lock().is_idle(self.number, true);
        }
        let downloads = self.ended_downloads.swap(0, Ordering::Relaxed);
        if downloads > 0 {
            self.places.lock().end_downloads(self.peer, self.is_node, downloads);
        }
    }

    /// Takes one of the downloads that this kind of peer, and this peer, may run at once.
    fn download(self: &Arc<Self>) -> Option<Download> {
        let mut taken = self.places.lock();
        let most = self.share.downloads();
        if taken.room(self.is_node).downloads >= most.all {
            return None;
        }
        let own = taken.peers.get_mut(&self.peer)?;
        if own.downloads >= most.each {
            return None;
        }
        own.downloads += 1;
        taken.room(self.is_node).downloads += 1;
        Some(Download(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sent();
        self.places.lock().remove(self.number);
    }
}

/// A running request.
pub(super) struct Asking(Arc<Place>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// What handlers know about their connection.
#[derive(Clone)]
pub(crate) struct Visit {
    place: Arc<Place>,
    spans: Spans,
}

impl Visit {
    pub(super) fn new(place: Arc<Place>, spans: Spans) -> Self {
        Self { place, spans }
    }

    /// Returns bytes for the body of the answer that stand for a part of a file; its content is sent in their place. The
    /// part has at most [`super::MAX_SPAN`] bytes.
    pub(crate) fn span(&self, file: Arc<File>, first: u64, length: usize) -> Bytes {
        self.spans.add(file, first, length)
    }

    /// Takes a place for a download; `None` when all of them are taken. The remaining places are for short requests.
    pub(crate) fn download(&self) -> Option<Download> {
        self.place.download()
    }
}

/// A running download. It keeps its place until it is dropped and its last bytes are sent.
pub(crate) struct Download(Arc<Place>);

impl Download {
    /// How many bytes it may hold at once: fewer when many downloads run.
    pub(crate) fn chunk(&self) -> usize {
        let taken = self.0.places.lock();
        let running = taken.nodes.downloads + taken.strangers.downloads;
        (MAX_CHUNKS / running.max(1)).clamp(SMALLEST_CHUNK, CHUNK)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.0.ended_downloads.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
    const THIRD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3));
    const SHARE: Share = Share { all: 5, each: 4 };

    fn visit_of(place: Arc<Place>) -> Visit {
        Visit::new(place, Spans::default())
    }

    fn enter(places: &Places, peer: IpAddr) -> (Arc<Place>, Option<Full>) {
        let (place, gave_way) = places.take(peer, false, SHARE).unwrap();
        (Arc::new(place), gave_way)
    }

    #[test]
    fn the_newest_idle_connection_gives_way_and_a_busy_one_never() {
        let places = Places::default();
        let first: Vec<_> = (0..4).map(|_| enter(&places, ONE).0).collect();
        let busy: Vec<_> = first[1..].iter().map(|place| place.asks()).collect();
        let (fifth, gave_way) = enter(&places, ONE);
        assert_eq!(gave_way, Some(Full::Peer(4)));
        assert!(first[0].leave().is_cancelled(), "the only idle one of this peer");
        let of_fifth = fifth.asks();
        assert_eq!(places.take(ONE, false, SHARE).err(), Some(Full::Peer(4)));
        let (other, gave_way) = enter(&places, OTHER);
        assert_eq!((gave_way, other.leave().is_cancelled()), (None, false));
        let (third, gave_way) = enter(&places, THIRD);
        assert_eq!(gave_way, Some(Full::Strangers(5)));
        assert!(other.leave().is_cancelled() && !third.leave().is_cancelled());
        drop(third.asks());
        assert_eq!(places.take(OTHER, false, SHARE).err(), Some(Full::Strangers(5)), "its answer is not sent yet");
        let of_third = third.asks();
        // Nodes have separate places.
        let node = places.take(OTHER, true, SHARE).unwrap();
        drop((busy, of_fifth, of_third, first, fifth, other, third, node));
        let taken = places.lock();
        assert!(taken.guests.is_empty() && taken.peers.is_empty(), "who left is forgotten");
        assert_eq!((taken.strangers.taken, taken.strangers.idle.len(), taken.nodes.taken), (0, 0, 0));
    }

    #[test]
    fn a_quarter_of_the_places_is_not_for_downloads() {
        let places = Places::default();
        let place = enter(&places, ONE).0;
        let visit = visit_of(place.clone());
        let mut running: Vec<_> = (0..3).map(|_| visit.download().unwrap()).collect();
        assert!(visit.download().is_none(), "three of the four of this peer");
        let other = visit_of(enter(&places, OTHER).0);
        running.push(other.download().unwrap());
        assert!(other.download().is_none(), "four of the five of all strangers");
        drop(running);
        assert!(visit.download().is_none(), "their last bytes are not sent yet");
        place.sent();
        assert!(visit.download().is_some());
        drop((visit, other, place));
        let taken = places.lock();
        assert!(taken.peers.is_empty() && taken.strangers.downloads == 0);
    }

    #[test]
    fn many_downloads_hold_less_each() {
        let places = Places::default();
        let share = Share { all: 10_000, each: 10_000 };
        let visit = visit_of(Arc::new(places.take(ONE, true, share).unwrap().0));
        let first = visit.download().unwrap();
        assert_eq!(first.chunk(), CHUNK);
        let _more: Vec<_> = (0..2000).map(|_| visit.download().unwrap()).collect();
        assert!(first.chunk() * 2001 <= MAX_CHUNKS);
    }
}
