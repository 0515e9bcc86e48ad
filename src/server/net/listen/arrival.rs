//! The order in which connections arrived.

use std::sync::atomic::{AtomicU64, Ordering};

static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// The number of a connection, counted from the start of the daemon; an extension of each of its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival(u64);

impl Arrival {
    /// The number of a connection that arrives now.
    pub(crate) fn now() -> Self {
        Self(ARRIVED.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
