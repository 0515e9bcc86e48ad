//! Counts repeated lines instead of keeping each: a machine in a boot loop says the same thing for days.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Moment;
use crate::site::Mac;

/// How long a repeated line is only counted, in seconds.
const WINDOW: u64 = 60;
/// Lines remembered however small the site is; further lines are kept without counting.
const MIN_REMEMBERED: usize = 4096;
/// Lines remembered for each node of a larger site.
const PER_NODE: usize = 16;

/// The lines that were kept lately, with the number of repetitions of each.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    open: HashMap<Arc<Line>, Option<Moment>>,
    /// The same lines by the start of their windows, which all have the same length.
    order: VecDeque<(u64, Arc<Line>)>,
    nodes: usize,
}

/// What makes two moments the same line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line {
    mac: Mac,
    source: String,
    text: String,
}

impl Line {
    fn of(moment: &Moment) -> Self {
        Self { mac: moment.mac, source: moment.source.clone(), text: moment.text.clone() }
    }
}

impl Repeats {
    /// Remembers enough lines for a site of so many nodes.
    pub(crate) fn fit(&mut self, nodes: usize) {
        self.nodes = nodes;
    }

    /// Takes a moment. Returns it if it is to be kept, `None` if it was only counted.
    pub(crate) fn take(&mut self, moment: Moment) -> Option<Moment> {
        let line = Line::of(&moment);
        if let Some(again) = self.open.get_mut(&line) {
            match again {
                Some(again) => {
                    again.times = again.times.saturating_add(moment.times);
                    again.until = moment.until;
                }
                none => *none = Some(moment),
            }
            return None;
        }
        if self.open.len() < MIN_REMEMBERED.max(PER_NODE * self.nodes) {
            let line = Arc::new(line);
            self.order.push_back((moment.at, line.clone()));
            self.open.insert(line, None);
        }
        Some(moment)
    }

    /// Returns the counts whose window has ended at `now`, in the order in which the lines first came.
    pub(crate) fn due(&mut self, now: u64) -> Vec<Moment> {
        let mut due = Vec::new();
        // A line that goes on returns to the end, and is not looked at again.
        for _ in 0..self.order.len() {
            let has_ended = |since: u64| now >= since + WINDOW || now < since;
            let Some((_, line)) = self.order.pop_front_if(|(since, _)| has_ended(*since)) else { break };
            match self.open.remove(&line).flatten() {
                None => {}
                Some(again) => {
                    due.push(again);
                    // The line keeps coming: it is only counted for another window.
                    self.open.insert(line.clone(), None);
                    self.order.push_back((now, line));
                }
            }
        }
        due
    }

    /// Returns every count, because no further call will follow.
    pub(crate) fn rest(&mut self) -> Vec<Moment> {
        let order = std::mem::take(&mut self.order);
        order.into_iter().filter_map(|(_, line)| self.open.remove(&line).flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(at: u64, text: &str) -> Moment {
        Moment::new(at, Mac([2; 6]), "dhcp", text)
    }

    #[test]
    fn the_first_is_kept_at_once_and_the_rest_is_one_line_a_minute() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.take(said(100, "DHCPDISCOVER")), Some(said(100, "DHCPDISCOVER")));
        for at in 101..150 {
            assert_eq!(repeats.take(said(at, "DHCPDISCOVER")), None);
        }
        assert!(repeats.take(said(149, "DHCPREQUEST")).is_some());
        assert!(repeats.due(159).is_empty());
        let counted = Moment { until: 149, times: 49, ..said(101, "DHCPDISCOVER") };
        assert_eq!(repeats.due(160), [counted]);
        assert_eq!(repeats.take(said(161, "DHCPDISCOVER")), None, "it goes on, so it is counted on");
        assert_eq!(repeats.due(220), [said(161, "DHCPDISCOVER")]);
        assert!(repeats.due(280).is_empty() && repeats.open.is_empty(), "then it is over and forgotten");
        assert!(repeats.take(said(281, "DHCPDISCOVER")).is_some());
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost_at_the_end() {
        let mut repeats = Repeats::default();
        let kept = (0..5000).filter(|n| repeats.take(said(1, &n.to_string())).is_some()).count();
        assert_eq!((kept, repeats.open.len()), (5000, MIN_REMEMBERED));
        repeats.take(said(2, "7"));
        assert_eq!(repeats.order.len(), MIN_REMEMBERED);
        repeats.fit(1000);
        let kept = (5000..50_000).filter(|n| repeats.take(said(1, &n.to_string())).is_some()).count();
        assert_eq!((kept, repeats.open.len()), (45_000, 16_000), "a larger site has room for more");
        assert_eq!(repeats.rest(), [said(2, "7")]);
    }

    #[test]
    fn a_clock_that_is_set_back_holds_no_line_for_ever() {
        let mut repeats = Repeats::default();
        repeats.take(said(1000, "DHCPDISCOVER"));
        repeats.take(said(1001, "DHCPDISCOVER"));
        assert_eq!(repeats.due(10), [said(1001, "DHCPDISCOVER")]);
        assert!(repeats.due(70).is_empty() && repeats.open.is_empty() && repeats.order.is_empty());
    }
}
