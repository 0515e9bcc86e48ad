//! Keeps storms out of the log: limits the lines for each sender and for all senders together, and counts what was held
//! back. Memory is bounded, whatever is sent.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Senders remembered when anybody can be one.
const REMEMBERED: usize = 1024;
/// How many senders are looked at, to forget those that are over, when a new one comes and the memory is full.
const LOOKED_AT: usize = 4;
const SECOND: Duration = Duration::from_secs(1);

/// A limit on lines, per sender and in total. A sender is identified as its network identifies it: by MAC or by
/// address.
#[derive(Debug)]
pub(crate) struct LogLimit<Sender> {
    lines_each: u32,
    window: Duration,
    lines_per_second: u32,
    most: usize,
    heard: HashMap<Sender, Count>,
    /// The senders that are remembered, in the order in which they are looked at.
    order: VecDeque<Sender>,
    all: Option<(Instant, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    lines: u32,
    held_back: u64,
}

impl<Sender: Copy + Eq + Hash> LogLimit<Sender> {
    /// Allows `lines_each` lines for one sender in every `window`, and `lines_per_second` for all together.
    pub(crate) fn new(lines_each: u32, window: Duration, lines_per_second: u32) -> Self {
        let (heard, order) = Default::default();
        Self { lines_each, window, lines_per_second, most: REMEMBERED, heard, order, all: None }
    }

    /// Remembers every sender: for senders that are nodes, whose number the site file limits.
    pub(crate) fn of_nodes(self) -> Self {
        Self { most: usize::MAX, ..self }
    }

    /// Asks to write a line about `sender`. If it may be written, returns how many lines of this sender were held back
    /// since its last one.
    pub(crate) fn ask(&mut self, sender: Sender, now: Instant) -> Option<u64> {
        if !self.allows_in_total(now) {
            if let Some(count) = self.heard.get_mut(&sender) {
                count.held_back += 1;
            }
            return None;
        }
        let (window, lines_each) = (self.window, self.lines_each);
        let count = self.count_of(sender, now)?;
        if now.duration_since(count.since) >= window {
            (count.since, count.lines) = (now, 0);
        }
        if count.lines >= lines_each {
            count.held_back += 1;
            return None;
        }
        count.lines += 1;
        let held_back = std::mem::take(&mut count.held_back);
        if let Some((_, lines)) = &mut self.all {
            *lines += 1;
        }
        Some(held_back)
    }

    fn allows_in_total(&mut self, now: Instant) -> bool {
        let all = self.all.get_or_insert((now, 0));
        if now.duration_since(all.0) >= SECOND {
            *all = (now, 0);
        }
        all.1 < self.lines_per_second
    }

    fn count_of(&mut self, sender: Sender, now: Instant) -> Option<&mut Count> {
        if !self.heard.contains_key(&sender) {
            self.make_room(now);
            if self.heard.len() >= self.most {
                return None;
            }
            self.order.push_back(sender);
        }
        Some(self.heard.entry(sender).or_insert(Count { since: now, lines: 0, held_back: 0 }))
    }

    /// Forgets a sender whose window is over when the memory is full. Looks at a few only, whatever the number of them.
    fn make_room(&mut self, now: Instant) {
        for _ in 0..LOOKED_AT {
            if self.heard.len() < self.most {
                return;
            }
            let Some(oldest) = self.order.pop_front() else { return };
            let is_over = |count: &Count| now.duration_since(count.since) >= self.window;
            if self.heard.get(&oldest).is_none_or(is_over) {
                self.heard.remove(&oldest);
            } else {
                self.order.push_back(oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Mac;

    fn mac(number: u32) -> Mac {
        let [a, b, c, d] = number.to_be_bytes();
        Mac([2, 0, a, b, c, d])
    }

    #[test]
    fn machine_that_asks_all_the_time_gets_one_line_a_minute_with_the_count_of_the_rest() {
        let mut limit = LogLimit::new(1, Duration::from_secs(60), 10);
        let start = Instant::now();
        assert_eq!(limit.ask(mac(1), start), Some(0));
        for second in 1..60 {
            assert_eq!(limit.ask(mac(1), start + Duration::from_secs(second)), None);
        }
        assert_eq!(limit.ask(mac(2), start + Duration::from_secs(59)), Some(0), "another machine is heard, for itself");
        assert_eq!(limit.ask(mac(1), start + Duration::from_secs(60)), Some(59));
    }

    #[test]
    fn storm_of_ever_new_machines_gets_ten_lines_a_second_and_bounded_memory() {
        let mut limit = LogLimit::new(1, Duration::from_secs(60), 10);
        let start = Instant::now();
        let lines = |limit: &mut LogLimit<Mac>, from: u32, at: u64| {
            let now = start + Duration::from_secs(at);
            (from..from + 5000).filter(|&number| limit.ask(mac(number), now).is_some()).count()
        };
        assert_eq!(lines(&mut limit, 0, 0), 10);
        assert_eq!(lines(&mut limit, 5000, 1), 10);
        for round in 0..300 {
            lines(&mut limit, 10_000 + round * 5000, 2 + u64::from(round) / 10);
        }
        assert!(limit.heard.len() <= REMEMBERED && limit.order.len() == limit.heard.len());
        assert_eq!(lines(&mut limit, 5_000_000, 500), 10, "it goes on afterwards");
    }

    #[test]
    fn every_node_of_a_large_site_has_its_line() {
        let minute = Duration::from_secs(60);
        let mut limit = LogLimit::new(1, minute, u32::MAX).of_nodes();
        let start = Instant::now();
        for round in 0..3 {
            let now = start + minute * round;
            assert!((0..20_000).all(|number| limit.ask(mac(number), now) == Some(u64::from(round > 0))), "{round}");
            assert!((0..20_000).all(|number| limit.ask(mac(number), now).is_none()));
        }
        assert_eq!(limit.heard.len(), 20_000);
    }
}
