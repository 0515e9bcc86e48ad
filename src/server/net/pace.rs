//! How often one machine, and all strangers together, may ask a service that answers datagrams. Excess requests get no
//! answer: a client without an answer asks again. Requests of strangers never count against a node.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Requests in one window. Nodes have no common budget: packets forged in the names of some nodes would use it up for
/// all.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Budget {
    /// Requests of one node.
    pub(in crate::server) node: u32,
    /// Requests of one stranger.
    pub(in crate::server) stranger: u32,
    /// Requests of all strangers together. An answer to an unused address stays in the socket's send buffer until the
    /// kernel stops resolving it, after three seconds; this many must fit in there without blocking the answers to
    /// nodes.
    pub(in crate::server) strangers: u32,
}

/// Counts requests in windows of fixed length. Its memory is bounded by the number of nodes and the budget of
/// strangers.
#[derive(Debug)]
pub(in crate::server) struct Pace {
    budget: Budget,
    window: Duration,
    since: Option<Instant>,
    asked: HashMap<Ipv4Addr, u32>,
    by_strangers: u32,
}

impl Pace {
    /// Admits `budget` in every `window`.
    pub(in crate::server) fn new(budget: Budget, window: Duration) -> Self {
        Self { budget, window, since: None, asked: HashMap::new(), by_strangers: 0 }
    }

    /// Whether a request that comes at `now` may be answered. `is_node`: `from` is reserved for a node.
    pub(in crate::server) fn admits(&mut self, from: Ipv4Addr, is_node: bool, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= self.window) {
            self.since = Some(now);
            self.asked.clear();
            self.by_strangers = 0;
        }
        if !is_node && self.by_strangers >= self.budget.strangers {
            return false;
        }
        let asked = self.asked.entry(from).or_default();
        if *asked >= if is_node { self.budget.node } else { self.budget.stranger } {
            return false;
        }
        *asked += 1;
        self.by_strangers += u32::from(!is_node);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(Budget { node: 40, stranger: 3, strangers: 100 }, Duration::from_secs(10))
    }

    #[test]
    fn one_who_asks_too_often_is_held_back_alone_and_only_until_the_window_ends() {
        let mut pace = pace();
        let (start, [one, other]) = (Instant::now(), [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last)));
        let admitted = |pace: &mut Pace, from, at| (0..50).filter(|_| pace.admits(from, false, at)).count();
        assert_eq!(admitted(&mut pace, one, start), 3);
        assert_eq!(admitted(&mut pace, other, start + Duration::from_secs(9)), 3);
        assert_eq!(admitted(&mut pace, one, start + Duration::from_secs(9)), 0);
        assert_eq!(admitted(&mut pace, one, start + Duration::from_secs(10)), 3);
    }

    #[test]
    fn a_flood_of_strangers_takes_bounded_memory_and_nothing_from_a_node() {
        let (mut pace, now) = (pace(), Instant::now());
        assert_eq!((0..10_000).filter(|&number| pace.admits(Ipv4Addr::from_bits(number), false, now)).count(), 100);
        assert!(pace.asked.len() <= 100);
        let (node, other) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!((0..50).filter(|_| pace.admits(node, true, now)).count(), 40);
        assert!(pace.admits(other, true, now), "what is asked in one node's name counts for no other");
    }
}
