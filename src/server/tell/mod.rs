//! Tells somebody: nodes that failed, became suspect or are ready, and alarms. A command or a webhook of the site file hears
//! of each in one JSON object. Bounded everywhere: a receiver that is slow or dead costs messages, which are counted, and
//! nothing else.

mod deliver;
mod message;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::alarms::Alarm;
use super::appliance::Appliance;
use crate::site::{Mac, Notify};
use crate::store::{EventPage, NumberedEvent};
use message::Message;

/// Messages that may wait for the receiver.
const QUEUE: usize = 256;
/// Read from the event log at once.
const BATCH: u32 = 500;
/// How often it is looked whether the event log has grown, when nobody says so.
const LOOK: Duration = Duration::from_secs(30);
/// The pauses before a message is tried again.
const AGAIN: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// Follows the event log and the alarms until `shutdown`. What happened before the start is not told again.
pub(super) async fn run(appliance: Appliance, shutdown: CancellationToken) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let teller = Teller::new(appliance.clone(), queue).await;
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = teller.follow() => {}
        () = deliver_all(appliance, waiting) => {}
    }
}

struct Teller {
    appliance: Appliance,
    queue: mpsc::Sender<Message>,
    last: i64,
    states: HashMap<Mac, String>,
    ringing: BTreeSet<(String, String)>,
}

impl Teller {
    async fn new(appliance: Appliance, queue: mpsc::Sender<Message>) -> Self {
        let newest = appliance.store.event_page(EventPage { mac: None, after: None, limit: 1 }).await;
        let last = newest.ok().and_then(|events| events.last().map(|event| event.id)).unwrap_or_default();
        let site = appliance.site();
        let state = |mac| Some((mac, appliance.store.record(mac)?.state.word().to_string()));
        let states = site.nodes.iter().filter_map(|node| state(node.mac)).collect();
        Self { appliance, queue, last, states, ringing: BTreeSet::new() }
    }

    async fn follow(mut self) {
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
            // A store that cannot answer ends the daemon, or says so itself.
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

    fn send(&self, word: &str, message: Message) {
        let site = self.appliance.site();
        let is_wanted = site.notify.as_ref().is_some_and(|notify| notify.wants(word));
        if is_wanted && self.queue.try_send(message).is_err() {
            count(&self.appliance.health.told.dropped);
        }
    }
}

/// Delivers one message after the other, each a few times.
async fn deliver_all(appliance: Appliance, mut waiting: mpsc::Receiver<Message>) {
    let redactors = appliance.store.redactors();
    while let Some(message) = waiting.recv().await {
        // A reload may have changed who wants to hear.
        let Some(notify) = appliance.site().notify.clone() else { continue };
        // A machine may have said anything, secrets too.
        let text = message.to_json();
        let text = redactors().find(&text).unwrap_or(text);
        match with_patience(&notify, &text).await {
            Ok(()) => count(&appliance.health.told.told),
            Err(why) => {
                count(&appliance.health.told.failed);
                tracing::warn!(event = message.event, "nobody could be told, {} tries: {why}", AGAIN.len() + 1);
            }
        }
    }
}

/// Tries until every receiver has the message; those that have it are not told twice.
async fn with_patience(notify: &Notify, text: &str) -> Result<(), String> {
    let mut missing = deliver::receivers(notify);
    let mut pauses = AGAIN.iter();
    loop {
        let mut failed = Vec::new();
        for receiver in missing {
            if let Err(why) = receiver.take(text).await {
                failed.push((receiver, why));
            }
        }
        let Some((_, why)) = failed.first() else { return Ok(()) };
        let Some(pause) = pauses.next() else { return Err(why.clone()) };
        tracing::debug!("told nobody, tried again in {} s: {why}", pause.as_secs());
        missing = failed.into_iter().map(|(receiver, _)| receiver).collect();
        tokio::time::sleep(*pause).await;
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
