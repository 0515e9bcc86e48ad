//! Counts repeated lines instead of keeping each: a machine in a boot loop says the same thing for days.

use super::Moment;

/// How long a repeated line is only counted, in seconds.
const WINDOW: u64 = 60;
/// The largest number of lines remembered; further lines are kept without counting.
const MAX_REMEMBERED: usize = 4096;

/// The lines that were kept lately, with the number of repetitions of each.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    since: u64,
    line: Moment,
    again: Option<Moment>,
}

impl Repeats {
    /// Takes a moment. Returns it if it is to be kept, `None` if it was only counted.
    pub(crate) fn take(&mut self, moment: Moment) -> Option<Moment> {
        if let Some(open) = self.open.iter_mut().find(|open| open.line.is_again(&moment)) {
            match &mut open.again {
                Some(again) => {
                    again.times = again.times.saturating_add(moment.times);
                    again.until = moment.until;
                }
                none => *none = Some(moment),
            }
            return None;
        }
        if self.open.len() < MAX_REMEMBERED {
            self.open.push(Open { since: moment.at, line: moment.clone(), again: None });
        }
        Some(moment)
    }

    /// Returns the counts whose window has ended at `now`, in the order in which the lines first came.
    pub(crate) fn due(&mut self, now: u64) -> Vec<Moment> {
        let mut due = Vec::new();
        self.open.retain_mut(|open| {
            if now < open.since + WINDOW && now >= open.since {
                return true;
            }
            let Some(again) = open.again.take() else { return false };
            due.push(again);
            // The line keeps coming: it is only counted for another window.
            open.since = now;
            true
        });
        due
    }

    /// Returns every count, because no further call will follow.
    pub(crate) fn rest(&mut self) -> Vec<Moment> {
        self.open.drain(..).filter_map(|open| open.again).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Mac;

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
        assert_eq!((kept, repeats.open.len()), (5000, MAX_REMEMBERED));
        repeats.take(said(2, "7"));
        assert_eq!(repeats.rest(), [said(2, "7")]);
    }
}
