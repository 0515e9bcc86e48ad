//! At most one error per second to an unknown machine: enough to read on its screen, too little to abuse.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_secs(1);
/// The largest number of addresses remembered. When a flood comes from more of them per second, further addresses get
/// no errors.
const MAX_CLIENTS: usize = 1024;

/// When each client last got an error.
#[derive(Debug, Default)]
pub(super) struct ErrorLimit {
    last: Mutex<HashMap<Ipv4Addr, Instant>>,
}

impl ErrorLimit {
    /// Whether this client may get an error now; if so, the next one is possible a second later.
    pub(super) fn allows(&self, client: Ipv4Addr, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&client).is_some_and(|then| now < *then + INTERVAL) {
            return false;
        }
        if last.len() >= MAX_CLIENTS {
            last.retain(|_, then| now < *then + INTERVAL);
        }
        let has_room = last.len() < MAX_CLIENTS;
        if has_room {
            last.insert(client, now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_gets_one_error_per_second_and_others_are_not_held_up() {
        let (limit, start) = (ErrorLimit::default(), Instant::now());
        let (one, other) = (Ipv4Addr::new(192, 168, 0, 1), Ipv4Addr::new(192, 168, 0, 2));
        assert!(limit.allows(one, start));
        assert!(!limit.allows(one, start + INTERVAL / 2));
        assert!(limit.allows(other, start + INTERVAL / 2));
        assert!(limit.allows(one, start + INTERVAL));
    }

    #[test]
    fn flood_of_addresses_is_not_remembered_without_end() {
        let (limit, start) = (ErrorLimit::default(), Instant::now());
        let answered = (0..5000).filter(|n| limit.allows(Ipv4Addr::from_bits(*n), start)).count();
        assert_eq!(answered, MAX_CLIENTS);
        assert!(limit.allows(Ipv4Addr::LOCALHOST, start + INTERVAL), "a second later the flood is forgotten");
    }
}
