//! Notifies people of nodes that failed, became suspect or are ready, and of alarms. A command or a webhook of the site
//! file gets each of them as one JSON object. Everything is bounded: a slow or dead receiver only loses its own
//! messages, which are counted.

mod deliver;
mod follow;
mod message;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify as Bell;
use tokio_util::sync::CancellationToken;

use super::appliance::Appliance;
use super::lock::lock;
use super::net::log_limit::LogLimit;
use deliver::Way;
use follow::Teller;
use message::Message;
use waiting::{AGAIN, Entry, Next, Waiting};

const MINUTE: Duration = Duration::from_secs(60);

/// Follows the event log and the alarms until `shutdown`. What happened before the start is not sent again.
pub(super) async fn run(appliance: Appliance, shutdown: CancellationToken) {
    let queues = Way::ALL.map(|way| Queue::to(way, appliance.clone()));
    let [first, second] = &queues;
    let teller = Teller::new(appliance, &queues).await;
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = teller.follow() => {}
        () = first.deliver() => {}
        () = second.deliver() => {}
    }
}

/// The messages that wait for one receiver, which gets them one at a time.
struct Queue {
    way: Way,
    appliance: Appliance,
    waiting: Mutex<Waiting>,
    bell: Bell,
    drops: Mutex<LogLimit<()>>,
}

impl Queue {
    fn to(way: Way, appliance: Appliance) -> Self {
        let drops = Mutex::new(LogLimit::new(1, MINUTE, 1));
        Self { way, appliance, waiting: Mutex::default(), bell: Bell::new(), drops }
    }

    /// Queues a message, if the site file names such a receiver.
    fn push(&self, message: &Message) {
        if self.receiver().is_none() {
            return;
        }
        let dropped = lock(&self.waiting).push(message.clone());
        self.note_dropped(dropped);
        self.bell.notify_one();
    }

    /// Delivers messages as they come, for ever.
    async fn deliver(&self) {
        loop {
            let next = lock(&self.waiting).next(Instant::now());
            match next {
                Next::Deliver(entry) => self.try_once(entry).await,
                Next::Pause(due) => {
                    // A more important message may come meanwhile.
                    let _ = tokio::time::timeout_at(due.into(), self.bell.notified()).await;
                }
                Next::Nothing => self.bell.notified().await,
            }
        }
    }

    async fn try_once(&self, entry: Box<Entry>) {
        // A reload may have changed who wants notifications, or corrected an address.
        let Some(receiver) = self.receiver() else {
            let forgotten = 1 + lock(&self.waiting).clear();
            tracing::info!("{} was removed from the site file: {forgotten} messages are dropped", self.way);
            return;
        };
        // A machine may have said anything, secrets included.
        let text = entry.message.to_json();
        let text = (self.appliance.store.redactors())().find(&text).unwrap_or(text);
        let told = &self.appliance.health.told;
        let Err(why) = receiver.take(&text).await else { return count(&told.told) };
        let event = entry.message.event.clone();
        let again = lock(&self.waiting).again(entry, Instant::now());
        match again {
            Some((pause, dropped)) => {
                tracing::debug!("a notification failed, next attempt in {} s: {why}", pause.as_secs());
                self.note_dropped(dropped);
            }
            None => {
                count(&told.failed);
                tracing::warn!(event, "{} could not be notified, {} attempts: {why}", self.way, AGAIN.len() + 1);
            }
        }
    }

    fn receiver(&self) -> Option<deliver::Receiver> {
        self.way.receiver(self.appliance.site().notify.as_ref()?)
    }

    fn note_dropped(&self, dropped: Option<Message>) {
        let Some(message) = dropped else { return };
        count(&self.appliance.health.told.dropped);
        if let Some(held_back) = lock(&self.drops).ask((), Instant::now()) {
            let most = waiting::MAX_WAITING;
            tracing::warn!(
                event = message.event,
                held_back,
                "a notification to {} was dropped: {most} messages wait for it",
                self.way
            );
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
