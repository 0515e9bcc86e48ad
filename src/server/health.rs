//! What the daemon knows about itself: the active alarms, and what its engines have counted since the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::alarms::Alarms;
use super::dhcp::DhcpCounters;
use super::log_queue::LogLines;
use super::tftp::{Outcome, Seen};

/// Alarms and counters. Counters only grow.
#[derive(Default)]
pub struct Health {
    /// What a person should look at.
    pub alarms: Arc<Alarms>,
    /// Counters of DHCP.
    pub dhcp: Arc<DhcpCounters>,
    /// Counters of TFTP.
    pub tftp: TftpCounters,
    /// Counters of the messages to people.
    pub told: TellCounters,
    /// Commits that the keeper of the timelines waited for.
    pub commits: CommitCounters,
    /// HTTP connections of nodes and strangers that were refused because all places were taken.
    pub refused_connections: AtomicU64,
    /// Counters of the log.
    pub log: Arc<LogLines>,
}

/// Messages to people since the start, by what became of them.
#[derive(Debug, Default)]
pub struct TellCounters {
    /// Accepted by a receiver.
    pub told: AtomicU64,
    /// Given up after all attempts.
    pub failed: AtomicU64,
    /// Dropped for more important ones, or because the queue was full.
    pub dropped: AtomicU64,
}

/// Commits of the store, measured by a caller that waits for them.
#[derive(Debug, Default)]
pub struct CommitCounters {
    /// Number of commits.
    pub count: AtomicU64,
    /// Their total duration.
    pub microseconds: AtomicU64,
}

impl CommitCounters {
    /// Counts a commit with its duration.
    pub(crate) fn count(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// TFTP requests by how they ended, and what they cost.
#[derive(Debug, Default)]
pub struct TftpCounters {
    /// Reads that the client has received completely, or that only asked for the size.
    pub finished: AtomicU64,
    /// Reads of names that are not served, and requests that were refused.
    pub refused: AtomicU64,
    /// Reads that ended early: the client vanished or gave up, or the network failed.
    pub failed: AtomicU64,
    /// Packets that were sent more than once.
    pub retransmissions: AtomicU64,
    /// Content that clients acknowledged, bytes.
    pub bytes: AtomicU64,
}

impl TftpCounters {
    /// Counts a request that has ended.
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
