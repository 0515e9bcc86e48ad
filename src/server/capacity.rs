//! How many places HTTP, TFTP and DNS have: enough for every node of the site at once, as far as the process has file
//! descriptors. Strangers have separate and few places. When descriptors are scarce, DNS shrinks first: a node installs
//! without it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything else: the store, the listening sockets, the API, the logs.
const REST: u64 = 192;
/// Connections planned per node: an installer has a few.
const CONNECTIONS_EACH: usize = 8;
/// Transfers planned per node.
const TRANSFERS_EACH: usize = 4;
/// Questions planned per node that wait for a forwarder, each with its own socket, and TCP connections planned per
/// node.
const WAITING_EACH: usize = 16;
const NAME_CONNECTIONS_EACH: usize = 2;
/// More questions than this at once serve nobody.
const MAX_WAITING: usize = 4096;
/// The smallest number of transfers, even for a small rack: requests forged in its nodes' names take a place for some
/// seconds each, and a place costs little.
const MIN_TRANSFERS: usize = 4096;
/// A smaller rack has as many places as one of this many nodes.
const FEW_NODES: usize = 64;
/// More descriptors than this are of no use.
const MAX_DESCRIPTORS: u64 = 1 << 20;

/// Places of nodes and of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// HTTP connections of all nodes.
    pub connections: usize,
    /// HTTP connections of all strangers.
    pub stranger_connections: usize,
    /// TFTP transfers of all nodes.
    pub transfers: usize,
    /// TFTP transfers of all strangers.
    pub stranger_transfers: usize,
    /// Places of DNS.
    pub names: NamePlaces,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePlaces {
    /// Places of all nodes.
    pub nodes: NamePart,
    /// Places of all strangers.
    pub strangers: NamePart,
}

/// Places of DNS for one kind of machine. Each takes a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePart {
    /// Questions that wait for a forwarder.
    pub waiting: usize,
    /// TCP connections.
    pub connections: usize,
}

impl NamePlaces {
    /// The places that `nodes` nodes need.
    fn wanted(nodes: usize) -> Self {
        let waiting = (nodes * WAITING_EACH).min(MAX_WAITING);
        Self {
            nodes: NamePart { waiting, connections: nodes * NAME_CONNECTIONS_EACH },
            strangers: NamePart { waiting: 128, connections: 32 },
        }
    }

    /// The places that about `all` descriptors allow.
    fn few(all: usize) -> Self {
        Self {
            nodes: NamePart { waiting: (all / 2).max(2), connections: (all / 4).max(2) },
            strangers: NamePart { waiting: (all / 8).max(1), connections: (all / 8).max(1) },
        }
    }

    fn descriptors(self) -> usize {
        [self.nodes, self.strangers].iter().map(|part| part.waiting + part.connections).sum()
    }
}

impl Capacity {
    /// The places that `nodes` nodes need, or fewer when `descriptors` does not suffice. A connection takes two
    /// descriptors: its own, and the file that it downloads.
    pub(crate) fn of(nodes: usize, descriptors: u64) -> Self {
        let nodes = nodes.max(FEW_NODES);
        let usable = usize::try_from(descriptors.saturating_sub(REST)).unwrap_or(usize::MAX);
        let part = |of: u64| usize::try_from(descriptors / of).unwrap_or(usize::MAX);
        let (stranger_connections, stranger_transfers) = (part(16).clamp(2, 32), part(32).clamp(2, 64));
        let usable = usable.saturating_sub(2 * stranger_connections + stranger_transfers);
        let (connections, transfers) = (nodes * CONNECTIONS_EACH, (nodes * TRANSFERS_EACH).max(MIN_TRANSFERS));
        let mut names = NamePlaces::wanted(nodes);
        if 2 * connections + transfers + names.descriptors() > usable {
            names = NamePlaces::few(part(64) * 3);
        }
        let usable = usable.saturating_sub(names.descriptors());
        let fits = 2 * connections + transfers <= usable;
        let (connections, transfers) =
            if fits { (connections, transfers) } else { ((usable / 8 * 3).max(8), (usable / 4).max(8)) };
        Self { connections, stranger_connections, transfers, stranger_transfers, names }
    }
}

/// Raises the limit on descriptors as far as this process may, and returns it.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MAX_DESCRIPTORS).min(MAX_DESCRIPTORS);
    let now = limit.current.unwrap_or(MAX_DESCRIPTORS);
    if now >= most {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }) {
        Ok(()) => most,
        Err(_) => now,
    }
}

/// Warns when the kernel's neighbour table has fewer entries than the site has nodes; a full table drops outgoing
/// packets. The kernel has one table for all network namespaces, and shows its size only in the first one.
pub(crate) fn warn_of_few_neighbours(nodes: usize) {
    let read = |name| std::fs::read_to_string(format!("/proc/sys/net/ipv4/neigh/default/{name}")).ok();
    // Entries above the second threshold are dropped after five seconds.
    let places = read("gc_thresh2").and_then(|text| text.trim().parse::<usize>().ok());
    if let Some(places) = places.filter(|places| *places < nodes) {
        tracing::warn!(
            nodes,
            places,
            "the kernel's neighbour table is smaller than the number of nodes, and a full table drops answers: raise \
             net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 to 4096, 8192 and 16384 (sysctl -w)"
        );
    }
}

/// The current limit on descriptors.
pub(crate) fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(MAX_DESCRIPTORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_nodes_and_never_take_more_descriptors_than_there_are() {
        let unit = Capacity::of(1000, 65_536);
        assert_eq!((unit.connections, unit.transfers), (8000, 4096));
        assert_eq!((unit.stranger_connections, unit.stranger_transfers), (32, 64));
        let plain = Capacity::of(16, 1024);
        assert!(plain.connections >= 256 && plain.transfers >= 170, "{plain:?}");
        for descriptors in [256, 512, 1024, 4096, 65_536, 1 << 20] {
            for nodes in [1, 16, 100, 1000, 20_000] {
                let all = Capacity::of(nodes, descriptors);
                let served = 2 * (all.connections + all.stranger_connections) + all.transfers + all.stranger_transfers;
                let taken = served + all.names.descriptors();
                assert!(taken as u64 + REST <= descriptors + 64, "{nodes} nodes, {descriptors}: {all:?}");
            }
        }
        let (names, few) = (unit.names, plain.names);
        assert_eq!((names.nodes.waiting, names.strangers.waiting), (4096, 128));
        assert!(few.descriptors() < 64 && few.nodes.waiting > few.strangers.waiting, "DNS shrinks first: {few:?}");
        let tiny = Capacity::of(1000, 64);
        assert!(tiny.names.descriptors() <= 8, "{tiny:?}");
        assert!(tiny.connections >= 8 && tiny.transfers >= 8 && tiny.stranger_connections >= 2, "{tiny:?}");
    }
}
