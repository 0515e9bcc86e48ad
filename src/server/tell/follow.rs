//! Follows the event log and the alarms.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::Queue;
use super::message::Message;
use crate::server::alarms::Alarm;
use crate::server::appliance::Appliance;
use crate::site::Mac;
use crate::store::{EventPage, NumberedEvent};

/// Events read from the log at once.
const BATCH: u32 = 500;
/// How often the event log is checked for new events without a signal.
const LOOK: Duration = Duration::from_secs(30);

/// Receives all events and alarms, and puts those that are wanted into the queues.
pub(super) struct Teller<'a> {
    appliance: Appliance,
    queues: &'a [Queue],
    last: i64,
    states: HashMap<Mac, String>,
    ringing: BTreeSet<(String, String)>,
}

impl<'a> Teller<'a> {
    /// Begins with what happens from now on.
    pub(super) async fn new(appliance: Appliance, queues: &'a [Queue]) -> Self {
        let last = appliance.store.newest_event().await.unwrap_or_default();
        let site = appliance.site();
        let state = |mac| Some((mac, appliance.store.record(mac)?.state.word().to_string()));
        let states = site.nodes.iter().filter_map(|node| state(node.mac)).collect();
        Self { appliance, queues, last, states, ringing: BTreeSet::new() }
    }

    /// Follows the event log and the alarms, for ever.
    pub(super) async fn follow(mut self) {
        let (mut grown, mut alarms) = (self.appliance.store.logged(), self.appliance.health.alarms.changes());
        alarms.mark_changed();
        loop {
            tokio::select! {
                changed = alarms.changed() => {
                    let ringing: Vec<Alarm> = alarms.borrow_and_update().values().cloned().collect();
                    self.take_alarms(ringing);
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                }
                changed = grown.changed() => match changed {
                    Ok(()) => self.read().await,
                    // The store is closing, and the daemon with it.
                    Err(_) => return std::future::pending().await,
                },
                () = tokio::time::sleep(LOOK) => self.read().await,
            }
        }
    }

    async fn read(&mut self) {
        loop {
            let page = EventPage { mac: None, after: Some(self.last), limit: BATCH };
            // A store that cannot answer ends the daemon, or reports that itself.
            let Ok(events) = self.appliance.store.event_page(page).await else { return };
            let Some(newest) = events.last() else { return };
            self.last = newest.id;
            events.iter().for_each(|event| self.take_event(event));
        }
    }

    fn take_event(&mut self, event: &NumberedEvent) {
        let before = self.states.insert(event.mac, event.state.clone());
        if before.as_deref() == Some(&event.state) || !["failed", "suspect", "ready"].contains(&event.state.as_str()) {
            return;
        }
        let site = self.appliance.site();
        let node = site.node_by_mac(event.mac);
        self.send(&event.state, Message::of_node(&site.name, node, event));
    }

    fn take_alarms(&mut self, ringing: Vec<Alarm>) {
        let site = self.appliance.site();
        let key = |alarm: &Alarm| (alarm.kind.clone(), alarm.subject.clone());
        for alarm in ringing.iter().filter(|alarm| !self.ringing.contains(&key(alarm))) {
            // A passive rackstart has a rival.
            let word = if alarm.kind == "passive" { "rival" } else { &alarm.kind };
            self.send(word, Message::of_alarm(&site.name, alarm));
        }
        self.ringing = ringing.iter().map(key).collect();
    }

    pub(super) fn send(&self, word: &str, message: Message) {
        if self.appliance.site().notify.as_ref().is_some_and(|notify| notify.wants(word)) {
            self.queues.iter().for_each(|queue| queue.push(&message));
        }
    }
}
