//! What the daemon knows of itself: the alarms that ring, and what its engines counted since the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::alarms::Alarms;
use super::dhcp::DhcpCounters;
use super::log_queue::LogLines;
use super::tftp::{Outcome, Seen};

/// Alarms and counts. Counts only grow.
#[derive(Default)]
pub struct Health {
    /// What a person should look at.
    pub alarms: Arc<Alarms>,
    /// What DHCP did.
    pub dhcp: Arc<DhcpCounters>,
    /// What TFTP did.
    pub tftp: TftpCounters,
    /// What became of the messages to people.
    pub told: TellCounters,
    /// What the keeper of the timelines waited for.
    pub commits: CommitCounters,
    /// HTTP connections of nodes and strangers that found no place.
    pub refused_connections: AtomicU64,
    /// What became of the log.
    pub log: Arc<LogLines>,
}

/// What became of the messages to people since the start.
#[derive(Debug, Default)]
pub struct TellCounters {
    /// Taken by a receiver.
    pub told: AtomicU64,
    /// Given up after all tries.
    pub failed: AtomicU64,
    /// Gave way to more important ones, or found no room in the queue.
    pub dropped: AtomicU64,
}

/// Commits of the store, as one who waits for them sees it.
#[derive(Debug, Default)]
pub struct CommitCounters {
    /// How many.
    pub count: AtomicU64,
    /// How long they took together.
    pub microseconds: AtomicU64,
}

impl CommitCounters {
    /// Counts one that took so long.
    pub(crate) fn count(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Ends of TFTP requests, and what they cost.
#[derive(Debug, Default)]
pub struct TftpCounters {
    /// Reads that the client has whole, or that only asked for the size.
    pub finished: AtomicU64,
    /// Reads of what is not there, and requests that were refused.
    pub refused: AtomicU64,
    /// Reads that ended early: the client vanished or gave up, or the network failed.
    pub failed: AtomicU64,
    /// Packets that were sent more than once.
    pub retransmissions: AtomicU64,
    /// Content that clients acknowledged, bytes.
    pub bytes: AtomicU64,
}

impl TftpCounters {
    /// Counts a request that is over.
    pub(crate) fn count(&self, seen: &Seen) {
        let ended = match &seen.outcome {
            outcome if outcome.is_success() => &self.finished,
            Outcome::NotServed(_) | Outcome::Refused(_) => &self.refused,
            _ => &self.failed,
        };
        ended.fetch_add(1, Ordering::Relaxed);
        self.retransmissions.fetch_add(seen.retransmissions, Ordering::Relaxed);
        self.bytes.fetch_add(seen.bytes, Ordering::Relaxed);
    }
}
