//! The one timer: an installer that falls silent ends in `failed`, so that nobody waits for it for ever.

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
const TICK: Duration = Duration::from_secs(15);

/// Looks at every node now and then, until `shutdown`.
pub async fn run(site: watch::Receiver<Arc<Site>>, store: Store, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = unix_now();
        let nodes: Vec<_> = site.borrow().nodes.iter().map(|node| (node.mac, node.name.clone())).collect();
        for (mac, node) in nodes {
            let Some(reason) = store.record(mac).and_then(|record| overdue(&record, now)) else { continue };
            tracing::warn!(%node, %mac, reason, "failed");
            let _ = store.change(mac, Change::Event { event: Event::Overdue { reason }, mark: None }).await;
        }
    }
}

fn overdue(record: &Record, now: u64) -> Option<String> {
    let silence = now.saturating_sub(record.updated);
    let late = matches!(record.state, State::Installing { .. }) && silence > INSTALLER_SILENCE.as_secs();
    late.then(|| format!("the installer said nothing for {} minutes; look at the node's console", silence / 60))
}
