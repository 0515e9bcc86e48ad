//! How often one machine, and all together, may ask a service that answers datagrams. What is too much gets no answer: a
//! client that asks in vain asks again.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Counts requests in windows of one length. Its memory is bounded by `all`.
#[derive(Debug)]
pub(in crate::server) struct Pace {
    each: u32,
    all: u32,
    window: Duration,
    since: Option<Instant>,
    asked: HashMap<Ipv4Addr, u32>,
    total: u32,
}

impl Pace {
    /// Admits `each` requests of one address and `all` of all addresses in every `window`.
    pub(in crate::server) fn new(each: u32, all: u32, window: Duration) -> Self {
        Self { each, all, window, since: None, asked: HashMap::new(), total: 0 }
    }

    /// Whether a request that comes `now` may be answered.
    pub(in crate::server) fn admits(&mut self, from: Ipv4Addr, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= self.window) {
            self.since = Some(now);
            self.asked.clear();
            self.total = 0;
        }
        if self.total >= self.all {
            return false;
        }
        let asked = self.asked.entry(from).or_default();
        if *asked >= self.each {
            return false;
        }
        *asked += 1;
        self.total += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_asks_too_often_is_held_back_alone_and_only_until_the_window_ends() {
        let mut pace = Pace::new(3, 100, Duration::from_secs(10));
        let (start, [one, other]) = (Instant::now(), [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last)));
        let admitted = |pace: &mut Pace, from, at| (0..50).filter(|_| pace.admits(from, at)).count();
        assert_eq!(admitted(&mut pace, one, start), 3);
        assert_eq!(admitted(&mut pace, other, start + Duration::from_secs(9)), 3);
        assert_eq!(admitted(&mut pace, one, start + Duration::from_secs(9)), 0);
        assert_eq!(admitted(&mut pace, one, start + Duration::from_secs(10)), 3);
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let mut pace = Pace::new(3, 100, Duration::from_secs(10));
        let now = Instant::now();
        assert_eq!((0..10_000).filter(|&number| pace.admits(Ipv4Addr::from_bits(number), now)).count(), 100);
        assert!(pace.asked.len() <= 100);
    }
}
