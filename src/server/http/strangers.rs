//! Warnings that anybody on the wire can cause with a request, kept to a few lines.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::server::log_limit::LogLimit;

/// The limit that all handlers share: five warnings a minute for one peer, ten a second for all.
pub struct Strangers(Mutex<LogLimit<IpAddr>>);

impl Default for Strangers {
    fn default() -> Self {
        Self(Mutex::new(LogLimit::new(5, Duration::from_secs(60), 10)))
    }
}

impl Strangers {
    /// Asks for a warning about `peer`. When it may be written, returns how many were held back since the last one.
    pub fn ask(&self, peer: IpAddr) -> Option<u64> {
        self.0.lock().expect("no holder of this lock panics").ask(peer, Instant::now())
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
}
