//! How many places HTTP and TFTP have: enough for every node of the site at once, as far as the descriptors of the process
//! go; those of strangers are apart and few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything else: the store, the listening sockets, the API, the logs.
const REST: u64 = 192;
/// Connections of one node that are reckoned with: an installer has a few.
const CONNECTIONS_EACH: usize = 8;
/// Transfers of one node that are reckoned with.
const TRANSFERS_EACH: usize = 4;
/// A small rack has as many transfers at least: requests that somebody forges in its nodes' names take places for some
/// seconds each, and cost little.
const MIN_TRANSFERS: usize = 4096;
/// A small rack has as many places as one of this many nodes.
const FEW_NODES: usize = 64;
/// More descriptors than this are of no use.
const MOST_DESCRIPTORS: u64 = 1 << 20;

/// Places of nodes and of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// HTTP connections of all nodes.
    pub connections: usize,
    /// HTTP connections of all strangers.
    pub stranger_connections: usize,
    /// TFTP transfers of all nodes.
    pub transfers: usize,
    /// TFTP transfers of all strangers.
    pub stranger_transfers: usize,
}

impl Capacity {
    /// What `nodes` nodes need, or, when that is more than `descriptors` carry, what there is. A connection takes two: its
    /// own, and the file that it downloads.
    pub fn of(nodes: usize, descriptors: u64) -> Self {
        let nodes = nodes.max(FEW_NODES);
        let usable = usize::try_from(descriptors.saturating_sub(REST)).unwrap_or(usize::MAX);
        let small = usize::try_from(descriptors / 16).unwrap_or(usize::MAX);
        let (stranger_connections, stranger_transfers) = (small.clamp(2, 32), small.clamp(2, 64));
        let usable = usable.saturating_sub(2 * stranger_connections + stranger_transfers);
        let (connections, transfers) = (nodes * CONNECTIONS_EACH, (nodes * TRANSFERS_EACH).max(MIN_TRANSFERS));
        let fits = 2 * connections + transfers <= usable;
        let (connections, transfers) =
            if fits { (connections, transfers) } else { ((usable / 8 * 3).max(8), (usable / 4).max(8)) };
        Self { connections, stranger_connections, transfers, stranger_transfers }
    }
}

/// Raises the limit on descriptors to what this process may have, and returns it.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS);
    let now = limit.current.unwrap_or(MOST_DESCRIPTORS);
    if now >= most {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }) {
        Ok(()) => most,
        Err(_) => now,
    }
}

/// Says that the kernel has fewer places for neighbours than the site has nodes; a full table drops what leaves. It has one
/// table for all network namespaces, and shows its size in the first one only.
pub fn warn_of_few_neighbours(nodes: usize) {
    let read = |name| std::fs::read_to_string(format!("/proc/sys/net/ipv4/neigh/default/{name}")).ok();
    // What is above the second threshold is thrown out again after five seconds.
    let places = read("gc_thresh2").and_then(|text| text.trim().parse::<usize>().ok());
    if let Some(places) = places.filter(|places| *places < nodes) {
        tracing::warn!(
            nodes,
            places,
            "the kernel keeps fewer neighbours than there are nodes, and drops answers when more are there at once: raise \
             net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 to 4096, 8192 and 16384 (sysctl -w)"
        );
    }
}

/// The limit on descriptors as it is.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(MOST_DESCRIPTORS)
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
                let taken = 2 * (all.connections + all.stranger_connections) + all.transfers + all.stranger_transfers;
                assert!(taken as u64 + REST <= descriptors + 64, "{nodes} nodes, {descriptors}: {all:?}");
            }
        }
        let tiny = Capacity::of(1000, 64);
        assert!(tiny.connections >= 8 && tiny.transfers >= 8 && tiny.stranger_connections >= 2, "{tiny:?}");
    }
}
