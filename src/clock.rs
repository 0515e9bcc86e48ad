//! The wall clock. Pure folders get the time as a number; whoever has a clock to read reads this one.

use std::time::{SystemTime, UNIX_EPOCH};

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
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp { seconds: since.as_secs(), ms: u16::try_from(since.subsec_millis()).unwrap_or(0) }
}
