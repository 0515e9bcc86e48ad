//! Senders of log lines: whether an address is that of its node, and how much each node may log.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::boot::{Neighbour, is_card_of};
use crate::server::net::neighbours::Neighbours;
use crate::site::{Mac, Node};

/// Lines kept of one node in each [`WINDOW`]: an installer in trouble logs some hundred per second.
const LINES: u32 = 3000;
const WINDOW: Duration = Duration::from_secs(10);
/// How often the log says that one node sends too much.
const COMPLAINTS: Duration = Duration::from_secs(60);
/// How long a lookup in the neighbour table is valid: it is a file of the kernel, and packets come by the thousand.
const HOLDS: Duration = Duration::from_secs(1);

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Kept,
    /// Not kept. When it is time to log that, the number of lines that were not kept since the last such line.
    HeldBack(Option<u64>),
}

/// What is known about the senders; at most one entry per node.
pub(super) struct Senders {
    neighbours: Arc<dyn Neighbours>,
    cards: HashMap<Ipv4Addr, (Instant, bool)>,
    said: HashMap<Mac, Said>,
}

struct Said {
    since: Instant,
    lines: u32,
    held_back: u64,
    told: Option<Instant>,
}

impl Senders {
    pub(crate) fn new(neighbours: Arc<dyn Neighbours>) -> Self {
        Self { neighbours, cards: HashMap::new(), said: HashMap::new() }
    }

    /// Whether the address of a node is at one of its cards, according to this machine's kernel.
    /// Behind a router that is all that it can say when no card of this link has the address.
    pub(crate) fn is(&mut self, node: &Node, is_routed: bool, now: Instant) -> bool {
        match self.cards.get(&node.address) {
            Some((looked, is_node)) if now.duration_since(*looked) < HOLDS => *is_node,
            _ => {
                let neighbour = match self.neighbours.card_of(node.address, 0) {
                    Neighbour::Unknown if is_routed => Neighbour::Routed,
                    known => known,
                };
                let is_node = is_card_of(node, neighbour);
                self.cards.insert(node.address, (now, is_node));
                is_node
            }
        }
    }

    /// Counts a line of a node.
    pub(crate) fn hear(&mut self, mac: Mac, now: Instant) -> Heard {
        let said = self.said.entry(mac).or_insert(Said { since: now, lines: 0, held_back: 0, told: None });
        if now.duration_since(said.since) >= WINDOW {
            (said.since, said.lines) = (now, 0);
        }
        if said.lines < LINES {
            said.lines += 1;
            return Heard::Kept;
        }
        said.held_back += 1;
        if said.told.is_some_and(|told| now.duration_since(told) < COMPLAINTS) {
            return Heard::HeldBack(None);
        }
        said.told = Some(now);
        Heard::HeldBack(Some(std::mem::take(&mut said.held_back)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::net::neighbours::Arp;

    #[test]
    fn who_says_too_much_is_told_once_a_minute_and_nobody_else_is() {
        let mut senders = Senders::new(Arp::on("lo"));
        let (start, loud, quiet) = (Instant::now(), Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let (mut kept, mut told) = (0, Vec::new());
        for number in 0..600_000u32 {
            let now = start + Duration::from_micros(u64::from(number) * 166); // 6,000 a second for 100 s
            match senders.hear(loud, now) {
                Heard::Kept => kept += 1,
                Heard::HeldBack(Some(count)) => told.push(count),
                Heard::HeldBack(None) => {}
            }
            if number % 120 == 0 {
                assert_eq!(senders.hear(quiet, now), Heard::Kept, "50 a second are not too many");
            }
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((told[0], kept), (1, 30_000));
        assert!(told[1] > 200_000, "all that was held back in the minute: {told:?}");
    }
}
