//! The UUIDs that machines send by DHCP (option 97). They are kept in memory only, because DHCP never touches the
//! store. If iPXE sends no UUID with its request for the boot script, this one is compared with the known UUID, and a
//! difference is reported to people.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use crate::site::Mac;
use crate::site::SmbiosUuid;

/// MACs kept, however small the site is; the oldest is forgotten first.
const MACS: usize = 4096;
/// MACs kept for each node of a larger site: its own, and as many strangers.
const MACS_EACH: usize = 2;

/// A bounded memory of one UUID per MAC.
#[derive(Default)]
pub struct Machines {
    inner: Mutex<(HashMap<Mac, SmbiosUuid>, VecDeque<Mac>)>,
}

impl Machines {
    /// Remembers the UUID that a machine last sent, in a memory that fits a site of so many nodes.
    pub(crate) fn tell(&self, mac: Mac, uuid: SmbiosUuid, nodes: usize) {
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        let (uuids, order) = &mut *inner;
        if uuids.insert(mac, uuid).is_none() {
            order.push_back(mac);
            while order.len() > MACS.max(MACS_EACH * nodes)
                && let Some(oldest) = order.pop_front()
            {
                uuids.remove(&oldest);
            }
        }
    }

    /// The UUID that a machine last sent.
    pub(crate) fn of(&self, mac: Mac) -> Option<SmbiosUuid> {
        self.inner.lock().expect("no holder of this lock panics").0.get(&mac).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_newest_word_counts() {
        let (machines, uuid) = (Machines::default(), |n| SmbiosUuid::new([n; 16]).unwrap());
        for n in 0..10_000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            machines.tell(Mac([2, 0, a, b, c, d]), uuid(7), 4000);
        }
        assert_eq!(machines.inner.lock().unwrap().0.len(), 8000);
        machines.tell(Mac([2; 6]), uuid(7), 5);
        machines.tell(Mac([2; 6]), uuid(8), 5);
        assert_eq!(machines.inner.lock().unwrap().0.len(), MACS);
        assert_eq!(machines.of(Mac([2; 6])), Some(uuid(8)));
        assert_eq!(machines.of(Mac([3; 6])), None);
    }
}
