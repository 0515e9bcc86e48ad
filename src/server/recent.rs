//! The last packets of each MAC, in memory only: DHCP and TFTP never touch the store, yet `explain` can show them.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::clock::unix_now;
use crate::site::Mac;

/// Moments kept per MAC.
const PER_MAC: usize = 32;
/// MACs kept; a storm of invented ones pushes out strangers first come, first out.
const MACS: usize = 1024;

/// One thing seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Unix seconds.
    pub at: u64,
    /// `dhcp`, `tftp` or `http`.
    pub wire: String,
    /// What was asked, answered, and why.
    pub text: String,
}

/// A bounded memory of moments per MAC.
#[derive(Default)]
pub struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    moments: HashMap<Mac, VecDeque<Moment>>,
    order: VecDeque<Mac>,
}

impl Recent {
    /// Remembers a moment.
    pub fn note(&self, mac: Mac, wire: &str, text: impl Into<String>) {
        let moment = Moment { at: unix_now(), wire: wire.into(), text: text.into() };
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        if !inner.moments.contains_key(&mac) {
            if inner.order.len() == MACS
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.moments.remove(&oldest);
            }
            inner.order.push_back(mac);
        }
        let moments = inner.moments.entry(mac).or_default();
        if moments.len() == PER_MAC {
            moments.pop_front();
        }
        moments.push_back(moment);
    }

    /// Returns the moments of a MAC, oldest first.
    pub fn of(&self, mac: Mac) -> Vec<Moment> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner.moments.get(&mac).map(|moments| moments.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_however_many_strangers_knock() {
        let recent = Recent::default();
        for n in 0..5000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            recent.note(Mac([2, 0, a, b, c, d]), "dhcp", "DHCPDISCOVER");
        }
        assert_eq!(recent.inner.lock().unwrap().moments.len(), MACS);
        assert!(recent.of(Mac([2, 0, 0, 0, 0, 0])).is_empty());
        for n in 0..100 {
            recent.note(Mac([2; 6]), "dhcp", n.to_string());
        }
        assert_eq!(recent.of(Mac([2; 6])).len(), PER_MAC);
        assert_eq!(recent.of(Mac([2; 6])).last().unwrap().text, "99");
    }
}
