//! Where the figures come from: the engines' counters, the store, and the file system.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Labels;
use crate::clock::unix_now;
use crate::server::appliance::Appliance;

/// Kinds of alarms that are always reported, with 0 while none is active.
const ALARMS: [&str; 4] = ["rival", "passive", "disk-full", "wrong-proof"];

type Words = Vec<(&'static str, String)>;

/// Figures of the packet engines.
pub(super) fn packets(registry: &mut Registry, appliance: &Appliance) {
    let dhcp = &appliance.health.dhcp;
    let plain = [
        ("dhcp_received", "Packets to DHCP", &dhcp.received),
        ("dhcp_silent", "DHCP requests without an answer", &dhcp.silent),
        ("dhcp_malformed", "Packets that are not a DHCP request", &dhcp.malformed),
        ("dhcp_not_sent", "DHCP answers that the system would not send", &dhcp.not_sent),
        ("dhcp_broadcast_instead", "DHCP answers that were broadcast instead", &dhcp.broadcast_instead),
        ("dhcp_panics", "Packets that made rackstart panic", &dhcp.panics),
    ];
    counters(registry, &plain);
    family(
        registry,
        "dhcp_answers",
        "DHCP answers by kind",
        "kind",
        &[("offer", &dhcp.offers), ("ack", &dhcp.acks), ("nak", &dhcp.naks)],
    );
    let tftp = &appliance.health.tftp;
    family(
        registry,
        "tftp_requests",
        "TFTP requests by how they ended",
        "outcome",
        &[("finished", &tftp.finished), ("refused", &tftp.refused), ("failed", &tftp.failed)],
    );
    counters(
        registry,
        &[
            ("tftp_retransmissions", "TFTP packets that were retransmitted", &tftp.retransmissions),
            ("tftp_bytes", "Content that TFTP clients acknowledged, bytes", &tftp.bytes),
        ],
    );
}

/// Figures of the daemon itself.
pub(super) fn daemon(registry: &mut Registry, appliance: &Appliance) {
    let health = &appliance.health;
    let told = &health.told;
    counters(
        registry,
        &[
            (
                "http_refused_connections",
                "HTTP connections refused because all places were taken",
                &health.refused_connections,
            ),
            ("notify_told", "Messages that a receiver accepted", &told.told),
            ("notify_failed", "Messages that were given up", &told.failed),
            ("notify_dropped", "Messages dropped because the queue was full", &told.dropped),
            ("store_commits", "Commits of the timelines", &health.commits.count),
        ],
    );
    number(registry, "log_dropped_lines", "Lines of the log that were dropped", health.log.dropped());
    number(registry, "timeline_dropped_lines", "Lines of timelines that were dropped", appliance.recent.dropped());
    let seconds = Counter::<f64, AtomicU64>::default();
    seconds.inc_by(health.commits.microseconds.load(Ordering::Relaxed) as f64 / 1e6);
    registry.register("store_commit_seconds", "How long those commits took, seconds", seconds);
    let alarms = Family::<Words, Gauge>::default();
    for kind in ALARMS {
        alarms.get_or_create(&vec![("kind", kind.into())]).set(0);
    }
    for alarm in health.alarms.ringing() {
        alarms.get_or_create(&vec![("kind", alarm.kind)]).inc();
    }
    registry.register("alarms", "Active alarms", alarms);
    gauge(registry, "stopped", "Whether all installations are stopped", appliance.store.stopped().is_some().into());
    let refused = appliance.served().refused.is_some();
    gauge(registry, "reload_refused", "Whether the site file differs from the served site", refused.into());
}

/// How long each node has been in its state.
pub(super) fn nodes(registry: &mut Registry, appliance: &Appliance) {
    let (site, now) = (appliance.site(), unix_now());
    let since = Family::<Words, Gauge>::default();
    appliance.store.look(|memory| {
        for node in &site.nodes {
            let Some(record) = memory.record(node.mac) else { continue };
            let labels = vec![("node", node.name.to_string()), ("state", record.state.word().into())];
            since.get_or_create(&labels).set(whole(now.saturating_sub(record.since)));
        }
    });
    registry.register("node_state_seconds", "How long each node has been in its state, seconds", since);
}

/// The sizes of the store and its file system. Reading them may block, so it is not done on a thread that must not
/// wait.
pub(super) struct Room {
    store: u64,
    free: u64,
    size: u64,
}

impl Room {
    /// Reads the sizes for this state directory; 0 where they cannot be read.
    pub(super) fn of(state: &Path) -> Self {
        let length = |name: &str| std::fs::metadata(state.join(name)).map_or(0, |file| file.len());
        let store = ["rackstart.sqlite", "rackstart.sqlite-wal", "rackstart.sqlite-shm"].map(length).iter().sum();
        let (free, size) = rustix::fs::statvfs(state)
            .map_or((0, 0), |disk| (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize));
        Self { store, free, size }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        gauge(registry, "store_bytes", "The store on the disk, bytes", self.store);
        gauge(registry, "disk_free_bytes", "Free space on the file system of the store, bytes", self.free);
        gauge(registry, "disk_size_bytes", "Size of that file system, bytes", self.size);
    }
}

fn counters(registry: &mut Registry, all: &[(&str, &str, &AtomicU64)]) {
    for (name, help, value) in all {
        number(registry, name, help, value.load(Ordering::Relaxed));
    }
}

fn number(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn family(registry: &mut Registry, name: &str, help: &str, label: &'static str, all: &[(&'static str, &AtomicU64)]) {
    let family = Family::<Labels, Counter>::default();
    for (word, value) in all {
        family.get_or_create(&[(label, *word)]).inc_by(value.load(Ordering::Relaxed));
    }
    registry.register(name, help, family);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(whole(value));
    registry.register(name, help, gauge);
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
