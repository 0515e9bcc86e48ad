//! Keeps the timelines: takes what the engines noted, counts repetitions, holds back storms, and passes the rest to the
//! store in batches. The engines never wait for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::unix_now;
use crate::server::health::Health;
use crate::server::net::log_limit::LogLimit;
use crate::server::served::Served;
use crate::server::timeline::recent::{Note, Recent};
use crate::site::Mac;
use crate::store::Store;
use crate::timeline::{Moment, Repeats};

/// How long lines are gathered, so that a rack that powers on costs two commits a second and not a thousand.
const GATHER: Duration = Duration::from_millis(500);
/// How long the keeper leaves the queue alone after it has emptied it. Without that each packet of a storm wakes another
/// thread, which costs more than to answer the packet.
const REST: Duration = Duration::from_millis(25);
/// The largest number of lines in one commit.
const BATCH: usize = 512;
/// How often silences are looked for.
const SILENCES: Duration = Duration::from_secs(5);
/// How often the log reports lost lines.
const COMPLAINTS: Duration = Duration::from_secs(60);
const MINUTE: Duration = Duration::from_secs(60);

/// Keeps what is noted until `shutdown`, and then the rest.
pub(in crate::server) async fn run(
    recent: Arc<Recent>,
    mut notes: mpsc::Receiver<Note>,
    served: watch::Receiver<Arc<Served>>,
    store: Store,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    let mut keeper = TimelineWriter::new(served, store, health);
    let mut batch = Vec::with_capacity(BATCH);
    let (mut gather, mut silences) = (tokio::time::interval(GATHER), tokio::time::interval(SILENCES));
    let mut complaints = tokio::time::interval(COMPLAINTS);
    let mut told = 0;
    let (mut rest, mut rests) = (std::pin::pin!(tokio::time::sleep(REST)), false);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = silences.tick() => {
                recent.fit(keeper.served.borrow().site.nodes.len());
                recent.note_silences(Instant::now());
            }
            _ = complaints.tick() => {
                let lost = recent.dropped() + keeper.held_back;
                if lost > told {
                    tracing::warn!(lines = lost - told, "timelines: lines were dropped, because they came too fast or the disk was full");
                    told = lost;
                }
            }
            _ = gather.tick() => keeper.write(true).await,
            () = &mut rest, if rests => rests = false,
            () = recent.hurry(), if rests => rests = false,
            _ = notes.recv_many(&mut batch, BATCH), if !rests => {
                keeper.take(&mut batch);
                rests = notes.is_empty();
                rest.as_mut().reset(tokio::time::Instant::now() + REST);
                if keeper.waiting.len() >= BATCH || !keeper.readers.is_empty() {
                    keeper.write(false).await;
                }
            }
        }
    }
    while let Ok(note) = notes.try_recv() {
        batch.push(note);
    }
    keeper.take(&mut batch);
    keeper.waiting.extend(keeper.repeats.rest());
    keeper.write(false).await;
}

struct TimelineWriter {
    served: watch::Receiver<Arc<Served>>,
    store: Store,
    health: Arc<Health>,
    repeats: Repeats,
    nodes: LogLimit<Mac>,
    strangers: LogLimit<Mac>,
    waiting: Vec<Moment>,
    readers: Vec<oneshot::Sender<()>>,
    held_back: u64,
}

impl TimelineWriter {
    fn new(served: watch::Receiver<Arc<Served>>, store: Store, health: Arc<Health>) -> Self {
        // An installation has about fifty lines. Anybody can invent MACs, so those may cost the disk only a few lines
        // per second.
        let nodes = LogLimit::new(120, MINUTE, 2000).of_nodes();
        let strangers = LogLimit::new(10, MINUTE, 5);
        let (repeats, waiting, readers) = (Repeats::default(), Vec::new(), Vec::new());
        Self { served, store, health, repeats, nodes, strangers, waiting, readers, held_back: 0 }
    }

    fn take(&mut self, notes: &mut Vec<Note>) {
        let site = self.served.borrow().site.clone();
        self.repeats.fit(site.nodes.len());
        for note in notes.drain(..) {
            let moment = match note {
                Note::Moment(moment) => moment,
                Note::Settle(reader) => {
                    self.readers.push(reader);
                    continue;
                }
            };
            let Some(moment) = self.repeats.take(moment) else { continue };
            let limit = if site.node_by_mac(moment.mac).is_some() { &mut self.nodes } else { &mut self.strangers };
            match limit.ask(moment.mac, Instant::now()) {
                Some(_) => self.waiting.push(moment),
                None => self.held_back += 1,
            }
        }
    }

    async fn write(&mut self, counts: bool) {
        if counts {
            self.waiting.extend(self.repeats.due(unix_now()));
        }
        if !self.waiting.is_empty() {
            let count = self.waiting.len() as u64;
            let began = Instant::now();
            // The disk is full, or the daemon is stopping: nothing depends on a line of a timeline.
            if self.store.keep(std::mem::take(&mut self.waiting)).await.is_err() {
                self.held_back += count;
            }
            self.health.commits.count(began.elapsed());
        }
        for reader in self.readers.drain(..) {
            let _ = reader.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Renderer;
    use crate::site::testing::paper_site;
    use crate::store::TimelineQuery;
    use crate::timeline::Cursor;

    struct Desk {
        recent: Arc<Recent>,
        store: Store,
        shutdown: CancellationToken,
        keeper: tokio::task::JoinHandle<()>,
        _site: watch::Sender<Arc<Served>>,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
            let served = Arc::new(Served::new(paper_site(), Renderer::new().unwrap(), 0));
            let (site, receiver) = watch::channel(served);
            let (recent, notes) = Recent::kept();
            let (recent, shutdown) = (Arc::new(recent), CancellationToken::new());
            let keeper =
                tokio::spawn(run(recent.clone(), notes, receiver, store.clone(), Arc::default(), shutdown.clone()));
            Self { recent, store, shutdown, keeper, _site: site, _folder: folder }
        }

        async fn told(&self, mac: Mac) -> Vec<Moment> {
            let query = TimelineQuery { mac, since: 0, after: Cursor::default(), limit: 10_000 };
            self.store.timeline(query).await.unwrap().moments
        }
    }

    const COMPUTE2: Mac = Mac([0x52, 0x54, 0, 0xa8, 2, 1]);

    #[tokio::test]
    async fn what_was_noted_is_stored_when_a_reader_asks_and_the_rest_at_the_end() {
        let desk = Desk::open().await;
        desk.recent.note(COMPUTE2, "dhcp", "DHCPDISCOVER");
        desk.recent.settle().await;
        assert_eq!(desk.told(COMPUTE2).await.len(), 1);
        for _ in 0..5 {
            desk.recent.note(COMPUTE2, "dhcp", "DHCPDISCOVER");
        }
        desk.recent.note(COMPUTE2, "tftp", "read");
        desk.shutdown.cancel();
        desk.keeper.await.unwrap();
        let query = TimelineQuery { mac: COMPUTE2, since: 0, after: Cursor::default(), limit: 10 };
        let told: Vec<(String, u32)> =
            desk.store.timeline(query).await.unwrap().moments.into_iter().map(|m| (m.source, m.times)).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&("dhcp".into(), 5)) && told.contains(&("tftp".into(), 1)), "{told:?}");
    }

    #[tokio::test]
    async fn a_storm_of_strangers_costs_the_disk_a_few_lines_and_hides_no_node() {
        let desk = Desk::open().await;
        for n in 0..4000u16 {
            let [a, b] = n.to_be_bytes();
            desk.recent.note(Mac([2, 0, 0, 0, a, b]), "dhcp", "DHCPDISCOVER");
        }
        desk.recent.note(COMPUTE2, "dhcp", "DHCPDISCOVER");
        desk.recent.settle().await;
        assert_eq!(desk.told(COMPUTE2).await.len(), 1);
        let mut strangers = 0;
        for n in 0..4000u16 {
            let [a, b] = n.to_be_bytes();
            strangers += desk.told(Mac([2, 0, 0, 0, a, b])).await.len();
        }
        assert!((1..100).contains(&strangers), "{strangers}");
    }
}
