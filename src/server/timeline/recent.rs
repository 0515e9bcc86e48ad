//! Where every engine notes what it observed of a MAC. Noting never waits: the line goes into a bounded memory and into
//! a bounded queue to the store; when the queue is full the line is dropped and counted.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::boot::ClientArch;
use crate::clock::stamp;
use crate::server::by_mac::{ByMac, room_for};
use crate::site::Mac;
use crate::timeline::{Given, Moment, silence};

/// Lines that may wait for the store: some seconds of a large rack that powers on at once.
const QUEUE: usize = 8192;
/// How long a reader waits until everything noted before is stored.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);

/// What the keeper of the timelines receives.
pub(in crate::server) enum Note {
    /// A line to keep.
    Moment(Moment),
    /// A reader is waiting: store everything that is queued now.
    Settle(oneshot::Sender<()>),
}

/// What was observed recently, and the queue to the timelines.
#[derive(Default)]
pub struct Recent {
    inner: Mutex<Inner>,
    keeper: Option<mpsc::Sender<Note>>,
    /// Wakes the keeper for a reader, who does not wait until it looks by itself.
    hurry: Notify,
    dropped: AtomicU64,
    nodes: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    machines: ByMac<Machine>,
    by_address: HashMap<Ipv4Addr, Mac>,
}

#[derive(Default)]
struct Machine {
    /// What it was last given, and when.
    given: Option<(Given, Instant)>,
    /// The address that it was last given.
    address: Option<Ipv4Addr>,
    /// The architecture that its firmware, or iPXE, reported.
    arch: Option<ClientArch>,
    /// What its silence means, from when it became too long until the machine is given something again.
    silence: Option<String>,
}

impl Recent {
    /// A memory whose lines are kept, and the receiving end for the keeper.
    pub(in crate::server) fn kept() -> (Self, mpsc::Receiver<Note>) {
        let (keeper, notes) = mpsc::channel(QUEUE);
        (Self { keeper: Some(keeper), ..Self::default() }, notes)
    }

    /// Remembers enough machines for a site of so many nodes.
    pub(in crate::server) fn fit(&self, nodes: usize) {
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    /// Notes a moment. The text may contain the machine's own words.
    pub(crate) fn note(&self, mac: Mac, source: &str, text: impl AsRef<str>) {
        let Some(keeper) = &self.keeper else { return };
        let at = stamp();
        let moment = Moment::new(at.seconds, mac, source, text.as_ref()).with_ms(at.ms);
        if keeper.try_send(Note::Moment(moment)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Remembers what a machine was given, so that a following silence can be reported. `None`: nothing more is
    /// expected.
    pub(crate) fn gave(&self, mac: Mac, given: Option<Given>) {
        self.with(mac, |machine| {
            (machine.given, machine.silence) = (given.map(|given| (given, Instant::now())), None);
        });
    }

    /// Says of a machine that is not silent what keeps it from booting, until it is given something else.
    pub(in crate::server) fn silent(&self, mac: Mac, why: String) {
        self.with(mac, |machine| machine.silence = Some(why));
    }

    /// What the silence of a machine that has been silent too long means; `None` while it is not.
    pub(crate) fn silence(&self, mac: Mac) -> Option<String> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner.machines.get(mac).and_then(|machine| machine.silence.clone())
    }

    /// Remembers the address that a machine was given.
    pub(in crate::server) fn addressed(&self, mac: Mac, address: Ipv4Addr) {
        let mut guard = self.inner.lock().expect("no holder of this lock panics");
        let inner = &mut *guard;
        let before = inner.machine(mac, self.most()).address.replace(address);
        if let Some(before) = before.filter(|before| *before != address) {
            has_left(&mut inner.by_address, before, mac);
        }
        inner.by_address.insert(address, mac);
    }

    /// Remembers the architecture that a machine reported on its way to a boot file.
    pub(in crate::server) fn is(&self, mac: Mac, arch: ClientArch) {
        self.with(mac, |machine| machine.arch = Some(arch));
    }

    /// The architecture that a machine reported; `None` if it reported none recently.
    pub(in crate::server) fn arch(&self, mac: Mac) -> Option<ClientArch> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner.machines.get(mac).and_then(|machine| machine.arch)
    }

    /// The address that a machine was last given.
    pub(in crate::server) fn address_of(&self, mac: Mac) -> Option<Ipv4Addr> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner.machines.get(mac).and_then(|machine| machine.address)
    }

    /// The machine that was last given an address; for strangers, which have no reservation.
    pub(in crate::server) fn at(&self, address: Ipv4Addr) -> Option<Mac> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner.by_address.get(&address).copied()
    }

    /// Notes every silence that has lasted too long by now, once each.
    pub(in crate::server) fn note_silences(&self, now: Instant) {
        let mut silent = Vec::new();
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        for (mac, machine) in inner.machines.iter_mut() {
            let text = machine.given.as_ref().and_then(|(given, since)| silence(given, now.duration_since(*since)));
            if let Some(text) = text {
                (machine.given, machine.silence) = (None, Some(text.clone()));
                silent.push((mac, text));
            }
        }
        drop(inner);
        for (mac, text) in silent {
            tracing::info!(%mac, "silence: {text}");
            self.note(mac, "silence", text);
        }
    }

    /// Returns when everything noted before is stored, or the time for that is over.
    pub(crate) async fn settle(&self) {
        let Some(keeper) = &self.keeper else { return };
        let (settled, wait) = oneshot::channel();
        let settle = async {
            if keeper.send(Note::Settle(settled)).await.is_ok() {
                self.hurry.notify_one();
                let _ = wait.await;
            }
        };
        let _ = tokio::time::timeout(SETTLED_WITHIN, settle).await;
    }

    /// Returns when a reader waits for the keeper.
    pub(in crate::server) async fn hurry(&self) {
        self.hurry.notified().await;
    }

    /// How many lines were dropped on their way to the store.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn with(&self, mac: Mac, change: impl FnOnce(&mut Machine)) {
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        change(inner.machine(mac, self.most()));
    }

    fn most(&self) -> usize {
        room_for(self.nodes.load(Ordering::Relaxed))
    }
}

impl Inner {
    /// What is remembered of a machine; of more than `most`, the oldest ones are forgotten.
    fn machine(&mut self, mac: Mac, most: usize) -> &mut Machine {
        let Self { machines, by_address } = self;
        let (machine, forgotten) = machines.entry(mac, most);
        for (oldest, gone) in forgotten {
            if let Some(address) = gone.address {
                has_left(by_address, address, oldest);
            }
        }
        machine
    }
}

/// Forgets that a machine has an address, unless another one has it by now.
fn has_left(by_address: &mut HashMap<Ipv4Addr, Mac>, address: Ipv4Addr, mac: Mac) {
    if by_address.get(&address) == Some(&mac) {
        by_address.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::by_mac::MACS;

    #[test]
    fn memory_is_bounded_however_many_strangers_knock() {
        let recent = Recent::default();
        for n in 0..5000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            recent.gave(Mac([2, 0, a, b, c, d]), Some(Given::Offer));
            recent.addressed(Mac([2, 0, a, b, c, d]), n.into());
        }
        let lengths = || {
            let inner = recent.inner.lock().unwrap();
            (inner.machines.len(), inner.by_address.len())
        };
        assert_eq!(lengths(), (MACS, MACS));
        recent.fit(3000);
        for n in 5000..20_000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            recent.addressed(Mac([2, 0, a, b, c, d]), n.into());
        }
        assert_eq!(lengths(), (6000, 6000), "a larger site has room for more");
    }

    #[test]
    fn the_machine_at_an_address_is_the_one_that_was_last_given_it() {
        let (recent, address) = (Recent::default(), |last: u8| Ipv4Addr::new(10, 0, 0, last));
        let (one, other) = (Mac([2; 6]), Mac([4; 6]));
        recent.addressed(one, address(1));
        recent.addressed(other, address(1));
        assert_eq!(recent.at(address(1)), Some(other));
        recent.addressed(one, address(2));
        assert_eq!((recent.at(address(1)), recent.at(address(2))), (Some(other), Some(one)), "it left what it had not");
        recent.addressed(other, address(3));
        assert_eq!((recent.at(address(1)), recent.at(address(3))), (None, Some(other)));
    }

    #[test]
    fn a_keeper_that_does_not_keep_up_costs_lines_and_never_a_wait() {
        let (recent, _unread) = Recent::kept();
        let began = Instant::now();
        for n in 0..QUEUE + 1000 {
            recent.note(Mac([2; 6]), "dhcp", n.to_string());
        }
        assert_eq!(recent.dropped(), 1000);
        assert!(began.elapsed() < Duration::from_secs(5), "it waited");
    }

    #[test]
    fn a_silence_is_noted_once_and_a_machine_that_goes_on_is_not_silent() {
        let (recent, mut notes) = Recent::kept();
        let (stopped, goes_on) = (Mac([2; 6]), Mac([4; 6]));
        recent.gave(stopped, Some(Given::Kernel));
        recent.gave(goes_on, Some(Given::Kernel));
        recent.gave(goes_on, None);
        for seconds in [1, 130, 260] {
            recent.note_silences(Instant::now() + Duration::from_secs(seconds));
        }
        let Ok(Note::Moment(moment)) = notes.try_recv() else { panic!("nothing was noted") };
        assert_eq!((moment.mac, moment.source.as_str()), (stopped, "silence"));
        assert_eq!(moment.text, "asked for the kernel, and for nothing else for 120 s");
        assert!(notes.try_recv().is_err(), "it is told once");
        assert_eq!(recent.silence(stopped).as_deref(), Some("asked for the kernel, and for nothing else for 120 s"));
        assert_eq!(recent.silence(goes_on), None);
        recent.gave(stopped, Some(Given::Offer));
        assert_eq!(recent.silence(stopped), None, "it is back");
    }
}
