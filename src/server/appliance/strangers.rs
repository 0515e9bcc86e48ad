//! Limits the log lines that requests from the network, or from a node that keeps asking, can cause.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::server::net::log_limit::LogLimit;
use crate::site::Mac;

const MINUTE: Duration = Duration::from_secs(60);

/// The limits that all handlers share.
pub struct Strangers {
    /// Five warnings per minute for one peer, ten per second for all.
    peers: Mutex<LogLimit<IpAddr>>,
    /// Sixty lines per minute about what one node fetches or boots, 200 per second for all: a whole installation needs
    /// fewer.
    nodes: Mutex<LogLimit<Mac>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            peers: Mutex::new(LogLimit::new(5, MINUTE, 10)),
            nodes: Mutex::new(LogLimit::new(60, MINUTE, 200).of_nodes()),
        }
    }
}

impl Strangers {
    /// Asks to log a warning about `peer`. If it may be written, returns how many were held back since the last one.
    pub(crate) fn ask(&self, peer: IpAddr) -> Option<u64> {
        self.peers.lock().expect("no holder of this lock panics").ask(peer, Instant::now())
    }

    /// Asks to log a line about what the node with this card did. If it may be written, returns how many were held back
    /// since the last one.
    pub(crate) fn node(&self, mac: Mac) -> Option<u64> {
        self.nodes.lock().expect("no holder of this lock panics").ask(mac, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_that_tries_a_thousand_paths_costs_five_lines_and_hides_nobody_else() {
        let strangers = Strangers::default();
        let (prober, node) = (IpAddr::from([192, 168, 0, 66]), IpAddr::from([192, 168, 0, 2]));
        assert_eq!((0..1000).filter(|_| strangers.ask(prober).is_some()).count(), 5);
        assert_eq!(strangers.ask(node), Some(0), "what was held back is the prober's");
    }

    #[test]
    fn node_that_fetches_without_end_costs_a_line_a_second_and_hides_no_other() {
        let strangers = Strangers::default();
        let (looping, other) = ("52:54:00:a8:02:01".parse().unwrap(), "52:54:00:a8:03:01".parse().unwrap());
        assert_eq!((0..1000).filter(|_| strangers.node(looping).is_some()).count(), 60);
        assert_eq!(strangers.node(other), Some(0));
    }
}
