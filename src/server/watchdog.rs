//! The one timer: what falls silent ends in `failed`, and an arming that nobody fetched is taken back. How long that takes
//! is a table in `lifecycle::timeouts`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::unix_now;
use crate::lifecycle::timeouts::{self, Moments};
use crate::lifecycle::{Event, State};
use crate::site::Site;
use crate::store::{Change, Record, Store};

const TICK: Duration = Duration::from_secs(15);

/// Looks at every node now and then, until `shutdown`.
pub async fn run<S: AsRef<Site>>(site: watch::Receiver<Arc<S>>, store: Store, shutdown: CancellationToken) {
    let started = unix_now();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let site = site.borrow().clone();
        look((*site).as_ref(), &store, started, unix_now()).await;
    }
}

/// Moves every node on that has been where it is for too long. Also called before anything is answered: an arming that
/// expired while the daemon was away must not be served.
pub(super) async fn look(site: &Site, store: &Store, started: u64, now: u64) {
    for node in &site.nodes {
        let record = store.record(node.mac);
        let Some(event) = record.and_then(|record| overdue(&record, site, started, now)) else { continue };
        match store.change(node.mac, Change::Event { event, mark: None }).await {
            Ok(Record { state: State::Failed { reason, .. }, .. }) => {
                tracing::warn!(node = %node.name, mac = %node.mac, reason, "failed");
            }
            Ok(record) => {
                let state = record.state.word();
                tracing::warn!(node = %node.name, mac = %node.mac, state, "its arming expired: nothing was wiped");
            }
            // It moved on at this very moment, or the daemon is going down.
            Err(_) => {}
        }
    }
}

fn overdue(record: &Record, site: &Site, started: u64, now: u64) -> Option<Event> {
    let moments = Moments { armed: record.armed(), heard: record.updated, started };
    timeouts::overdue(&record.state, record.flags, moments, site.server.arming_seconds, now)
}
