//! A bounded memory of machines: what is known of each MAC, and the oldest is forgotten first. Anybody on the link can
//! invent MACs, so nothing that is kept by MAC may grow without end.

use std::collections::{HashMap, VecDeque};

use crate::site::Mac;

/// MACs kept, however small the site is.
pub(in crate::server) const MACS: usize = 4096;
/// MACs kept for each node of a larger site: its own, and as many strangers.
const MACS_EACH: usize = 2;

/// How many MACs are kept for a site of so many nodes.
pub(in crate::server) fn room_for(nodes: usize) -> usize {
    MACS.max(MACS_EACH * nodes)
}

/// What is known of each MAC.
pub(in crate::server) struct ByMac<T> {
    known: HashMap<Mac, T>,
    order: VecDeque<Mac>,
}

impl<T> Default for ByMac<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Default> ByMac<T> {
    /// What is known of this machine.
    pub(in crate::server) fn get(&self, mac: Mac) -> Option<&T> {
        self.known.get(&mac)
    }

    /// What is known of each machine, in no order.
    pub(in crate::server) fn iter(&self) -> impl Iterator<Item = (Mac, &T)> {
        self.known.iter().map(|(mac, known)| (*mac, known))
    }

    /// What is known of each machine, in no order, to be changed.
    pub(in crate::server) fn iter_mut(&mut self) -> impl Iterator<Item = (Mac, &mut T)> {
        self.known.iter_mut().map(|(mac, known)| (*mac, known))
    }

    /// What is known of this machine, to be changed. If there are more than `most`, the oldest are forgotten and
    /// returned, two at a time: a reload may have made the site smaller, and no packet waits for all of them.
    pub(in crate::server) fn entry(&mut self, mac: Mac, most: usize) -> (&mut T, Vec<(Mac, T)>) {
        let mut forgotten = Vec::new();
        if !self.known.contains_key(&mac) {
            for _ in 0..2 {
                if self.order.len() >= most
                    && let Some(oldest) = self.order.pop_front()
                {
                    forgotten.extend(self.known.remove(&oldest).map(|known| (oldest, known)));
                }
            }
            self.order.push_back(mac);
        }
        (self.known.entry(mac).or_default(), forgotten)
    }

    /// How many machines are known.
    #[cfg(test)]
    pub(in crate::server) fn len(&self) -> usize {
        assert_eq!(self.known.len(), self.order.len());
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first_and_a_smaller_memory_shrinks_by_and_by() {
        let mut memory: ByMac<u8> = ByMac::default();
        let mac = |n: u8| Mac([2, 0, 0, 0, 0, n]);
        for n in 0..6 {
            *memory.entry(mac(n), 4).0 = n;
        }
        assert_eq!((memory.len(), memory.get(mac(1)), memory.get(mac(2))), (4, None, Some(&2)));
        let (_, forgotten) = memory.entry(mac(9), 2);
        assert_eq!(forgotten, [(mac(2), 2), (mac(3), 3)]);
        assert!(memory.entry(mac(9), 2).1.is_empty(), "it is known");
        assert_eq!(memory.iter().count(), 3);
    }
}
