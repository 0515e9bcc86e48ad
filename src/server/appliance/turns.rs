//! The boot scripts of one machine, one after the other.
//!
//! Each installer that is served ends the token of the boot before. A request that its client has given up, for example
//! while the daemon restarted, may still wait on its connection; served late, it would end the boot of the request that
//! the client sent instead, and the installer would find that its attempt is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Waiting, OwnedMutexGuard};

use crate::server::net::listen::Arrival;
use crate::site::Mac;

/// Whose turn it is. Only nodes of the site file are entered.
#[derive(Default)]
pub struct Turns {
    last: Mutex<HashMap<Mac, Arc<Waiting<Arrival>>>>,
}

impl Turns {
    /// Waits for the requests before it. No other request of the machine is answered as long as the guard lives. None:
    /// a request on a newer connection had its turn.
    pub(crate) async fn take(&self, mac: Mac, arrival: Arrival) -> Option<OwnedMutexGuard<Arrival>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).entry(mac).or_default().clone();
        let mut last = last.lock_owned().await;
        if *last > arrival {
            return None;
        }
        *last = arrival;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_waited_does_not_overtake_a_newer_one() {
        let (turns, mac) = (Turns::default(), Mac([2; 6]));
        let (old, new) = (Arrival::now(), Arrival::now());
        assert!(turns.take(mac, new).await.is_some());
        assert!(turns.take(mac, old).await.is_none());
        assert!(turns.take(mac, new).await.is_some(), "a connection may ask again");
        assert!(turns.take(Mac([4; 6]), old).await.is_some(), "another machine");
    }
}
