//! Places for questions that wait for a forwarder, and for connections. Nodes have places that no stranger can take.
//! When all are taken the oldest one is given up: of the same machine if that has all its places, otherwise of the same
//! kind. The newest one is kept because the one that has waited longest is worth least: a name that nobody answers, or
//! a peer that says nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) address: Ipv4Addr,
    /// Whether the address is reserved for a node.
    pub(super) is_node: bool,
}

/// How many places there are: for all machines of a kind, and for each machine. Both are at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) all: usize,
    pub(super) each: usize,
}

/// All places for one purpose.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    last: u64,
    nodes: Room,
    strangers: Room,
}

#[derive(Default)]
struct Room {
    by_age: BTreeMap<u64, (Ipv4Addr, CancellationToken)>,
    of: HashMap<Ipv4Addr, BTreeSet<u64>>,
}

/// One place; dropping it frees it.
pub(super) struct Place {
    number: u64,
    is_node: bool,
    leave: CancellationToken,
    places: Places,
}

impl Places {
    /// Takes a place; the holder of a place that must be given up for it is told to leave.
    pub(super) fn take(&self, asker: Asker, share: Share) -> Place {
        let mut taken = self.lock();
        taken.last += 1;
        let number = taken.last;
        let room = taken.room(asker.is_node);
        while let Some(oldest) = room.too_old(asker.address, share) {
            room.remove(oldest);
        }
        let leave = CancellationToken::new();
        room.by_age.insert(number, (asker.address, leave.clone()));
        room.of.entry(asker.address).or_default().insert(number);
        Place { number, is_node: asker.is_node, leave, places: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn room(&mut self, is_node: bool) -> &mut Room {
        if is_node { &mut self.nodes } else { &mut self.strangers }
    }
}

impl Room {
    /// The place that is given up before `address` takes one more.
    fn too_old(&self, address: Ipv4Addr, share: Share) -> Option<u64> {
        match self.of.get(&address) {
            Some(own) if own.len() >= share.each => own.first().copied(),
            _ if self.by_age.len() >= share.all => self.by_age.first_key_value().map(|(number, _)| *number),
            _ => None,
        }
    }

    fn remove(&mut self, number: u64) {
        let Some((address, leave)) = self.by_age.remove(&number) else { return };
        leave.cancel();
        if let Some(own) = self.of.get_mut(&address) {
            own.remove(&number);
            if own.is_empty() {
                self.of.remove(&address);
            }
        }
    }
}

impl Place {
    /// Returns when the place was given to another client.
    pub(super) async fn lost(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().room(self.is_node).remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: Share = Share { all: 6, each: 4 };

    fn asker(last: u8, is_node: bool) -> Asker {
        Asker { address: Ipv4Addr::new(10, 0, 0, last), is_node }
    }

    fn lost(places: &[Place]) -> Vec<bool> {
        places.iter().map(|place| place.leave.is_cancelled()).collect()
    }

    #[test]
    fn the_oldest_one_gives_way_first_of_the_same_machine_and_then_of_the_same_kind() {
        let places = Places::default();
        let mut held: Vec<_> = [1, 2, 2, 2, 2].map(|last| places.take(asker(last, false), SHARE)).into();
        held.push(places.take(asker(2, false), SHARE));
        assert_eq!(lost(&held), [false, true, false, false, false, false], "the fifth of one machine");
        held.push(places.take(asker(3, false), SHARE));
        held.push(places.take(asker(4, false), SHARE));
        assert_eq!(lost(&held), [true, true, false, false, false, false, false, false], "the seventh of all");
    }

    #[test]
    fn a_flood_of_strangers_takes_no_place_of_a_node_and_who_left_is_forgotten() {
        let places = Places::default();
        let node = [places.take(asker(1, true), SHARE)];
        let strangers: Vec<_> = (0..200).map(|last| places.take(asker(last, false), SHARE)).collect();
        assert_eq!(lost(&node), [false]);
        assert_eq!(lost(&strangers).iter().filter(|lost| !**lost).count(), SHARE.all);
        drop((node, strangers));
        let taken = places.lock();
        for room in [&taken.nodes, &taken.strangers] {
            assert!(room.by_age.is_empty() && room.of.is_empty());
        }
    }
}
