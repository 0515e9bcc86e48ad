//! How many reports of one node are accepted. The token is in the hands of the node's root, and what it reports is
//! stored.

use std::time::Duration;

/// Reports accepted at once: more than an honest node queues while the server is away (`QUEUE_LIMIT` in `lib/report.sh`).
/// After that, one more is accepted per second.
pub(crate) const BURST: u32 = 600;
/// Reports of one attempt that the event log keeps. Later ones change the state as before.
pub(crate) const STORED_PER_ATTEMPT: u32 = 4000;

/// The fate of one report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The report is accepted.
    Taken,
    /// The first report over the limit since the node was quiet.
    FirstTooMany,
    /// A further report over the limit.
    TooMany,
}

/// What remains of one node's allowance. Times are those of any clock that only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportRate {
    left: u32,
    refilled: Duration,
    told: bool,
}

impl ReportRate {
    /// A node that has not reported yet.
    pub(crate) fn new(now: Duration) -> Self {
        Self { left: BURST, refilled: now, told: false }
    }

    /// Decides whether one report is accepted, and returns the allowance that remains.
    pub(crate) fn admit(self, now: Duration) -> (Self, Admission) {
        let whole = now.saturating_sub(self.refilled).as_secs();
        let left = self.left.saturating_add(u32::try_from(whole).unwrap_or(u32::MAX)).min(BURST);
        let refilled = if left == BURST { now } else { self.refilled + Duration::from_secs(whole) };
        // The node was quiet for long enough to be warned about again.
        let told = self.told && left < BURST;
        match left.checked_sub(1) {
            Some(left) => (Self { left, refilled, told }, Admission::Taken),
            None if told => (Self { left, refilled, told }, Admission::TooMany),
            None => (Self { left, refilled, told: true }, Admission::FirstTooMany),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends reports `step` milliseconds apart; returns how many are accepted, and how often it is said that some are
    /// not.
    fn flood(rate: &mut ReportRate, from: u64, to: u64, step: usize) -> (u32, u32) {
        let (mut taken, mut told) = (0, 0);
        for millis in (from..to).step_by(step) {
            let (next, verdict) = rate.admit(Duration::from_millis(millis));
            *rate = next;
            taken += u32::from(verdict == Admission::Taken);
            told += u32::from(verdict == Admission::FirstTooMany);
        }
        (taken, told)
    }

    #[test]
    fn a_flood_is_a_burst_and_then_a_trickle_and_is_told_once() {
        let mut rate = ReportRate::new(Duration::ZERO);
        assert_eq!(flood(&mut rate, 0, 3_600_000, 10), (BURST + 3599, 1));
        // After the time that a whole burst takes to refill it has all of it again, and is warned about again.
        let later = 3_600_000 + u64::from(BURST) * 1000;
        assert_eq!(flood(&mut rate, later, later + 1000, 1), (BURST, 1));
    }

    #[test]
    fn an_honest_node_is_never_refused_not_even_after_a_long_absence_of_the_server() {
        let mut rate = ReportRate::new(Duration::ZERO);
        assert_eq!(flood(&mut rate, 0, 500, 1), (500, 0), "its whole queue");
        assert_eq!(flood(&mut rate, 500, 3_600_000, 1000), (3600, 0), "and one each second");
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_ahead_gives_nothing_away() {
        let mut rate = ReportRate::new(Duration::from_secs(9));
        let taken = (0..2000).filter(|_| {
            let (next, verdict) = rate.admit(Duration::from_secs(5));
            rate = next;
            verdict == Admission::Taken
        });
        assert_eq!(taken.count(), BURST as usize);
        assert_eq!(flood(&mut rate, u64::MAX / 2, u64::MAX / 2 + 1000, 1).0, BURST);
    }
}
