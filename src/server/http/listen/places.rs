//! How many connections there are, in total and per peer.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All places of one listener.
pub(super) struct Places {
    total: usize,
    per_peer: usize,
    taken: Taken,
}

type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    peer: IpAddr,
    taken: Taken,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    Peer(usize),
    All(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(limit) => write!(f, "this peer has {limit} connections already"),
            Self::All(limit) => write!(f, "all {limit} connections are taken"),
        }
    }
}

impl Places {
    pub(super) fn new(total: usize, per_peer: usize) -> Self {
        Self { total, per_peer, taken: Taken::default() }
    }

    /// Takes a place for a connection of `peer`.
    pub(super) fn take(&self, peer: IpAddr) -> Result<Place, Full> {
        let mut taken = lock(&self.taken);
        let own = taken.get(&peer).copied().unwrap_or_default();
        if own >= self.per_peer {
            return Err(Full::Peer(self.per_peer));
        }
        if taken.values().sum::<usize>() >= self.total {
            return Err(Full::All(self.total));
        }
        taken.insert(peer, own + 1);
        Ok(Place { peer, taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_with_all_its_places_keeps_none_from_others_and_gets_one_back_when_it_leaves() {
        let (places, one, other) = (Places::new(5, 3), IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut of_one: Vec<_> = (0..3).map(|_| places.take(one).unwrap()).collect();
        assert_eq!(places.take(one).unwrap_err(), Full::Peer(3));
        let of_other = [places.take(other).unwrap(), places.take(other).unwrap()];
        assert_eq!(places.take(other).unwrap_err(), Full::All(5));
        of_one.pop();
        of_one.push(places.take(one).unwrap());
        drop((of_one, of_other));
        assert!(lock(&places.taken).is_empty(), "peers that left are forgotten");
    }
}
