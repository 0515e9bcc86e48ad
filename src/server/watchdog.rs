//! The one timer: an installer or a firstboot that falls silent ends in `failed`, so that nobody waits for it for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::unix_now;
use crate::lifecycle::{Event, State};
use crate::site::Site;
use crate::store::{Change, Record, Store};

/// Longest silence of an installer. Anaconda says nothing while it installs packages, which takes minutes on slow disks.
const INSTALLER_SILENCE: Duration = Duration::from_mins(60);
/// Longest silence of firstboot: a step may run for half an hour, a node that waits reports every minute.
const FIRSTBOOT_SILENCE: Duration = Duration::from_mins(45);
const TICK: Duration = Duration::from_secs(15);

/// Looks at every node now and then, until `shutdown`.
pub async fn run<S: AsRef<Site>>(site: watch::Receiver<Arc<S>>, store: Store, shutdown: CancellationToken) {
    // Nobody could report while the daemon was away, so silence counts from its start.
    let started = unix_now();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = unix_now();
        let nodes: Vec<_> = (**site.borrow()).as_ref().nodes.iter().map(|node| (node.mac, node.name.clone())).collect();
        for (mac, node) in nodes {
            let Some(reason) = store.record(mac).and_then(|record| overdue(&record, started, now)) else { continue };
            tracing::warn!(%node, %mac, reason, "failed");
            let _ = store.change(mac, Change::Event { event: Event::Overdue { reason }, mark: None }).await;
        }
    }
}

fn overdue(record: &Record, started: u64, now: u64) -> Option<String> {
    let (who, limit) = match record.state {
        State::Installing { .. } => ("the installer", INSTALLER_SILENCE),
        State::Firstboot { .. } => ("firstboot", FIRSTBOOT_SILENCE),
        _ => return None,
    };
    let silence = now.saturating_sub(record.updated.max(started));
    let late = silence > limit.as_secs();
    late.then(|| format!("{who} said nothing for {} minutes; look at the node's console", silence / 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Attempt, AttemptId, WipeScope};

    #[test]
    fn silence_counts_from_the_last_word_or_from_the_start_of_the_daemon() {
        let attempt = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly);
        let mut record = Record::new(1000);
        let hours = |n: u64| n * 3600;
        assert_eq!(overdue(&record, 0, hours(99)), None, "a new node may wait for ever");
        record.state = State::Installing { attempt: attempt.clone() };
        assert!(overdue(&record, 0, 1000 + hours(2)).unwrap().contains("the installer said nothing for 120 minutes"));
        assert_eq!(overdue(&record, hours(1), hours(2)), None);
        record.state = State::Firstboot { attempt };
        assert_eq!(overdue(&record, 0, 1000 + 40 * 60), None);
        assert!(overdue(&record, 0, 1000 + 50 * 60).is_some());
    }
}
