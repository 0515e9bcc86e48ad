//! Counters of the DHCP server; they only grow.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::dhcp::{Answer, MessageKind};

/// Counts since the start. Each value is consistent by itself; several read together may be a packet apart.
#[derive(Debug, Default)]
pub struct DhcpCounters {
    /// Packets of any kind.
    pub received: AtomicU64,
    /// DHCPOFFERs.
    pub offers: AtomicU64,
    /// DHCPACKs.
    pub acks: AtomicU64,
    /// DHCPNAKs.
    pub naks: AtomicU64,
    /// Requests that got no answer, for a reason that was logged.
    pub silent: AtomicU64,
    /// Packets that were not a DHCP request.
    pub malformed: AtomicU64,
    /// Replies that were broadcast because sending to the card failed.
    pub broadcast_instead: AtomicU64,
    /// Replies that could not be sent at all.
    pub not_sent: AtomicU64,
    /// Packets that made us panic: bugs.
    pub panics: AtomicU64,
}

impl DhcpCounters {
    pub(super) fn count(&self, answer: &Answer) {
        add(match answer {
            Answer::Reply(_, reply) => match reply.kind {
                MessageKind::Offer => &self.offers,
                MessageKind::Nak => &self.naks,
                _ => &self.acks,
            },
            Answer::Silence(..) => &self.silent,
            Answer::Malformed(_) => &self.malformed,
        });
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
