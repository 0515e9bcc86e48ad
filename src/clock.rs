//! The wall clock, without its jumps. Pure folders get the time as a number; whoever has a clock to read reads this one.
//!
//! All ages are differences of times of this clock: how long a node was silent, how old a token is. So it goes on evenly from
//! what the wall clock said first, and takes over a wall clock that somebody set only when [`adopt`] is called, by who has
//! moved along what is counted from (`server::operate::watchdog`).

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When this rackstart was built, or what it was built from was written, in Unix seconds: no wall clock is before that.
pub(crate) const BUILT: u64 = number(env!("RACKSTART_BUILT").as_bytes());

/// A time, and when it was.
static SAID: Mutex<Option<(Instant, Duration)>> = Mutex::new(None);

/// A moment as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Unix seconds.
    pub seconds: u64,
    /// Milliseconds within that second.
    pub ms: u16,
}

/// Returns the seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    stamp().seconds
}

/// Returns this moment.
pub(crate) fn stamp() -> Stamp {
    let since = even();
    Stamp { seconds: since.as_secs(), ms: u16::try_from(since.subsec_millis()).unwrap_or(0) }
}

/// How many seconds the wall clock is ahead of this one by now; negative: behind.
pub(crate) fn ahead() -> i64 {
    let (wall, even) = (wall(), even());
    let seconds = |difference: Duration| i64::try_from(difference.as_secs()).unwrap_or(i64::MAX);
    if wall >= even { seconds(wall - even) } else { -seconds(even - wall) }
}

/// Goes on from what the wall clock says now.
pub(crate) fn adopt() {
    *SAID.lock().expect("no holder of this lock panics") = Some((Instant::now(), wall()));
}

fn even() -> Duration {
    let mut said = SAID.lock().expect("no holder of this lock panics");
    let (when, time) = said.get_or_insert_with(|| (Instant::now(), wall()));
    *time + when.elapsed()
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

const fn number(digits: &[u8]) -> u64 {
    let (mut value, mut at) = (0, 0);
    while at < digits.len() {
        value = value * 10 + (digits[at] - b'0') as u64;
        at += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_wall_clock_and_that_is_later_than_the_build() {
        assert!(wall().as_secs().abs_diff(unix_now()) < 5 && ahead().abs() < 5);
        assert!(unix_now() > BUILT, "the clock of this machine is wrong, or SOURCE_DATE_EPOCH is");
        assert_eq!(number(b"1785542400"), 1_785_542_400);
    }
}
