//! Keeps storms out of the log: limits the lines for each sender and for all senders together, and counts what was held
//! back. Memory is bounded, whatever is sent.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

const REMEMBERED: usize = 1024;
const SECOND: Duration = Duration::from_secs(1);

/// A limit on lines, per sender and in total. A sender is identified as its network identifies it: by MAC or by
/// address.
#[derive(Debug)]
pub(crate) struct LogLimit<Sender> {
    lines_each: u32,
    window: Duration,
    lines_per_second: u32,
    heard: HashMap<Sender, Count>,
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
        Self { lines_each, window, lines_per_second, heard: HashMap::new(), all: None }
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
        let window = self.window;
        if self.heard.len() >= REMEMBERED && !self.heard.contains_key(&sender) {
            self.heard.retain(|_, count| now.duration_since(count.since) < window);
            if self.heard.len() >= REMEMBERED {
                return None;
            }
        }
        Some(self.heard.entry(sender).or_insert(Count { since: now, lines: 0, held_back: 0 }))
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
        assert!(limit.heard.len() <= REMEMBERED);
        assert_eq!(lines(&mut limit, 5_000_000, 500), 10, "it goes on afterwards");
    }
}
