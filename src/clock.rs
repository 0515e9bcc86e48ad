//! The wall clock, without its jumps. Pure folders are handed the time as a number; code that reads a clock reads this
//! one.
//!
//! All ages are differences between times of this clock: how long a node was silent, how old a token is. The clock
//! therefore runs on evenly from what the wall clock said first. It follows a wall clock that somebody set only when
//! [`adopt`] is called, and the caller first shifts the stored times that ages are counted from
//! (`server::operate::watchdog`).

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When this rackstart was built, or the date of its sources, in Unix seconds. No correct wall clock is earlier than
/// this.
pub(crate) const BUILT: u64 = number(env!("RACKSTART_BUILT").as_bytes());

/// The wall clock's time when it was last adopted, and the monotonic instant of that reading.
static SAID: Mutex<Option<(Instant, Duration)>> = Mutex::new(None);

/// A moment, in the form that the store keeps.
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

pub(crate) fn stamp() -> Stamp {
    let since = even();
    Stamp { seconds: since.as_secs(), ms: u16::try_from(since.subsec_millis()).unwrap_or(0) }
}

/// By how many seconds the wall clock is ahead of this one now; negative when it is behind.
pub(crate) fn ahead() -> i64 {
    let (wall, even) = (wall(), even());
    let seconds = |difference: Duration| i64::try_from(difference.as_secs()).unwrap_or(i64::MAX);
    if wall >= even { seconds(wall - even) } else { -seconds(even - wall) }
}

/// Continues from what the wall clock says now.
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
