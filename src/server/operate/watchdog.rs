//! The only timer: a node that falls silent becomes `failed`, and an arming that is never used is taken back. The table
//! in `lifecycle::timeouts` says how long each takes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::{Actor, Order};
use crate::clock::{self, unix_now};
use crate::lifecycle::timeouts::{self, Moments};
use crate::lifecycle::{DutyEvent, Event, NOT_IN_THE_FILE, State, is_to_wipe};
use crate::server::appliance::Appliance;
use crate::server::operate::arming::Unarmed;
use crate::server::operate::store_alarms;
use crate::site::{Mac, Site};
use crate::store::{Change, Draft, Orders, Record, Store};

const TICK: Duration = Duration::from_secs(15);
/// How often the wall clock is checked.
const CLOCK: Duration = Duration::from_secs(2);
/// Seconds by which clocks may differ although nobody set one.
const SLACK: i64 = 2;

/// Checks every node periodically, until `shutdown`.
pub(in crate::server) async fn run(appliance: Appliance, unarmed: Unarmed, shutdown: CancellationToken) {
    let (store, mut started) = (&appliance.store, unix_now());
    let (mut ticks, mut clock, mut room) = (tokio::time::interval(TICK), tokio::time::interval(CLOCK), store.room());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = clock.tick() => {
                if !follow_clock(store, &mut started).await {
                    continue;
                }
            }
            _ = ticks.tick() => {}
            Ok(()) = room.changed() => {}
        }
        let site = appliance.site();
        store_alarms::ring(&appliance.health.alarms, store, &site);
        look(&site, store, started, unix_now()).await;
        // A store that has stopped ends the daemon.
        let _ = unarmed.make_good(&site, store).await;
    }
}

/// Adapts to a wall clock that was set: moves every deadline along. Returns whether it was set.
async fn follow_clock(store: &Store, started: &mut u64) -> bool {
    let by = clock::ahead();
    if by.abs() < SLACK {
        return false;
    }
    let line = Order::new(&Actor::daemon(), "clock-set", "server").detail(format!("by {by:+} s"));
    let asked = line.clone();
    let decide = move |draft: &Draft<'_>, _| {
        let counted = draft.records().filter(|(_, record)| record.is_counted_from());
        let changes = counted.map(|(mac, _)| (mac, Change::ClockSet(by))).collect();
        Ok::<_, String>(Orders { changes, stopped: None, audit: vec![line] })
    };
    // If the disk is full, deadlines stay as they are, and it is tried again.
    if store.decide(asked, decide).await.is_err() {
        return false;
    }
    clock::adopt();
    *started = started.saturating_add_signed(by);
    tracing::warn!(seconds = by, "the clock of this server was set: all deadlines of nodes move with it");
    true
}

/// Moves on every node that has been in its state for too long. Also called before anything is answered: an arming that
/// expired while the daemon was away must not be served.
pub(in crate::server) async fn look(site: &Site, store: &Store, started: u64, now: u64) {
    withdraw_strays(site, store).await;
    for node in &site.nodes {
        let record = store.record(node.mac);
        let Some(event) = record.and_then(|record| overdue(&record, site, started, now)) else { continue };
        let change = Change::Event { event: event.clone(), mark: None };
        let outcome = match &event {
            Event::Expired => store.change_as(node.mac, change, taken_back(&node.name, "its arming expired")).await,
            _ => store.change(node.mac, change).await,
        };
        match outcome {
            Ok(Record { state: State::Failed { reason, .. }, .. }) => {
                tracing::warn!(node = %node.name, mac = %node.mac, reason, "failed");
            }
            Ok(record) => {
                let state = record.state.word();
                tracing::warn!(node = %node.name, mac = %node.mac, state, "its arming expired: nothing was wiped");
            }
            // The node moved on at this very moment, or the daemon is stopping.
            Err(_) => {}
        }
    }
}

/// Ends every arming to wipe whose node is not in the site file: it is not shown there and would not be taken back, and
/// the file may name that machine again. Its state is kept.
async fn withdraw_strays(site: &Site, store: &Store) {
    let strays: Vec<Mac> = store.look(|draft| {
        let is_stray = |(mac, record): &(Mac, &Record)| is_to_wipe(&record.state) && site.node_by_mac(*mac).is_none();
        draft.records().filter(is_stray).map(|(mac, _)| mac).collect()
    });
    for mac in strays {
        withdraw(store, mac, NOT_IN_THE_FILE).await;
    }
}

/// Ends an arming because of the site file.
pub(in crate::server) async fn withdraw(store: &Store, mac: Mac, why: &str) {
    let event = Event::Withdrawn { why: why.into() };
    // A refusal means that it is no longer armed.
    if let Ok(record) = store.change_as(mac, Change::Event { event, mark: None }, taken_back(mac, why)).await {
        tracing::warn!(%mac, state = record.state.word(), why, "disarmed: nothing was wiped");
    }
}

/// The audit line: the daemon takes back what an operator armed.
fn taken_back(node: impl std::fmt::Display, why: &str) -> Order {
    Order::new(&Actor::daemon(), "disarm", node).detail(why)
}

/// Restarts the timeout of everyone that a drain waits for. Called once, at the start, before anything is answered.
pub(in crate::server) async fn resume_drains(store: &Store, now: u64) {
    let resumed = |record: &Record| record.duty.apply(&DutyEvent::Resumed, now).is_some();
    let waiting: Vec<Mac> =
        store.look(|draft| draft.records().filter(|(_, record)| resumed(record)).map(|(mac, _)| mac).collect());
    for mac in waiting {
        // A store that has stopped ends the daemon; nothing else can come between.
        let _ = store.change(mac, Change::Duty(vec![DutyEvent::Resumed])).await;
    }
}

/// What has to happen to a node with this record, if its deadline has passed.
pub(in crate::server) fn overdue(record: &Record, site: &Site, started: u64, now: u64) -> Option<Event> {
    let moments = Moments { armed: record.armed(), heard: record.updated, started };
    timeouts::overdue(&record.state, record.flags, moments, site.server.arming_seconds, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{AttemptId, BootToken, WipeScope};
    use crate::site::testing::paper_site;

    #[tokio::test]
    async fn one_look_takes_expired_armings_back_and_fails_what_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
        let (site, start) = (paper_site(), unix_now());
        let change = async |node: usize, event| {
            store.change(site.nodes[node].mac, Change::Event { event, mark: None }).await.unwrap();
        };
        let arm = |scope| Event::Armed { id: AttemptId::from_random([1; 4]), scope };
        let token = |n| BootToken::from_random([n; 16]).hash();
        for (node, scope) in [(0, WipeScope::DestroyData), (1, WipeScope::BlankDiskOnly), (2, WipeScope::DestroyData)] {
            change(node, arm(scope)).await;
        }
        change(2, Event::BootScriptServed { token: token(2) }).await;
        change(3, arm(WipeScope::DestroyData)).await;
        change(3, Event::BootScriptServed { token: token(3) }).await;
        change(3, Event::PermitRedeemed { token: token(3), disk: "sda".into() }).await;
        let words = || {
            let word = |node: &crate::site::Node| store.record(node.mac).map_or("new", |record| record.state.word());
            site.nodes.iter().map(word).collect::<Vec<_>>()
        };
        look(&site, &store, start, start + 60).await;
        assert_eq!(words(), ["armed", "armed", "armed", "installing", "new"]);
        look(&site, &store, start, start + 3 * 3600 + 300).await; // the changes above took a moment
        assert_eq!(words(), ["new", "armed", "failed", "failed", "new"]);
        let reason = |node: usize| match store.record(site.nodes[node].mac).unwrap().state {
            State::Failed { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert!(store.record(site.nodes[0].mac).unwrap().held, "nothing failed, and it does not arm itself");
        let lines = store.audit_lines(Default::default()).await.unwrap();
        let told: Vec<String> =
            lines.iter().map(|line| format!("{} {} {}", line.actor.how, line.action, line.detail)).collect();
        assert_eq!(told, ["rackstart disarm its arming expired"]);
        assert!(reason(2).contains("never asked for its permit for 18"), "{}", reason(2));
        assert!(reason(3).contains("the installer said nothing for 18"), "{}", reason(3));
    }
}
