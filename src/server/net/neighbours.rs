//! Finds the card behind an address, in the kernel's own neighbour table, which is read anew for each request. A peer
//! that speaks TCP was just resolved, so its entry exists; to lie about an address a peer must forge ARP, and that
//! shows here.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::boot::Neighbour;
use crate::site::Mac;

/// The table of this process's network namespace (proc(5)).
const TABLE: &str = "/proc/net/arp";
/// `ATF_COM` of `<linux/if_arp.h>`: the entry is complete.
const COMPLETE: u32 = 0x02;

/// A source that knows which card is behind an address.
pub trait Neighbours: Send + Sync {
    /// Looks the address up. `port` is the peer's port; only tests distinguish peers by it.
    fn card_of(&self, address: Ipv4Addr, port: u16) -> Neighbour;
}

/// The kernel's table for one interface.
pub struct Arp {
    interface: String,
}

impl Arp {
    /// The table for the provisioning interface.
    pub fn on(interface: &str) -> Arc<dyn Neighbours> {
        Arc::new(Self { interface: interface.into() })
    }
}

impl Neighbours for Arp {
    fn card_of(&self, address: Ipv4Addr, _port: u16) -> Neighbour {
        if self.interface == "lo" {
            return Neighbour::NoCards;
        }
        match std::fs::read_to_string(TABLE) {
            Ok(table) => find(&table, &self.interface, address).map_or(Neighbour::Unknown, Neighbour::Card),
            Err(error) => {
                tracing::error!("cannot read {TABLE}, so nobody can be told from a thief: {error}");
                Neighbour::Unknown
            }
        }
    }
}

/// Finds a complete entry: `address  0x1  flags  hardware-address  mask  interface`.
fn find(table: &str, interface: &str, address: Ipv4Addr) -> Option<Mac> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let is_it = columns.next()?.parse() == Ok(address);
        let flags = columns.nth(1)?.trim_start_matches("0x");
        let mac: Mac = columns.next()?.parse().ok()?;
        let here = columns.nth(1)? == interface;
        let complete = u32::from_str_radix(flags, 16).ok()? & COMPLETE != 0;
        (is_it && here && complete).then_some(mac)
    })
}

/// A table for tests: the port of the peer decides what it says, so that a thief can have the address of a node.
#[cfg(test)]
pub(crate) mod testing {
    use std::collections::HashMap;

    use super::{Ipv4Addr, Mac, Neighbour, Neighbours};

    /// Peers with this port have a card that belongs to no node.
    pub(crate) const THIEF_PORT: u16 = 6666;
    /// Peers with this port have no entry yet.
    pub(crate) const UNKNOWN_PORT: u16 = 6667;
    /// The card of the thief.
    pub(crate) const THIEF: Mac = Mac([0x02, 0, 0, 0, 0x66, 0x66]);

    /// Every address has its rightful card.
    pub(crate) struct Wire(pub HashMap<Ipv4Addr, Mac>);

    impl Neighbours for Wire {
        fn card_of(&self, address: Ipv4Addr, port: u16) -> Neighbour {
            match port {
                THIEF_PORT => Neighbour::Card(THIEF),
                UNKNOWN_PORT => Neighbour::Unknown,
                _ => Neighbour::Card(self.0.get(&address).copied().unwrap_or(THIEF)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
192.168.0.2      0x1         0x2         52:54:00:a8:02:01     *        br0
192.168.0.2      0x1         0x2         52:54:00:00:00:66     *        eth9
192.168.0.3      0x1         0x0         00:00:00:00:00:00     *        br0
192.168.0.4      0x1         0x6         52:54:00:a8:04:01     *        br0
";

    #[test]
    fn only_a_complete_entry_of_the_provisioning_interface_counts() {
        let of = |last: u8| find(ENTRIES, "br0", [192, 168, 0, last].into()).map(|mac| mac.to_string());
        assert_eq!(of(2).as_deref(), Some("52:54:00:a8:02:01"));
        assert_eq!(of(3), None, "asked for, not answered");
        assert_eq!(of(4).as_deref(), Some("52:54:00:a8:04:01"), "set by hand");
        assert_eq!(of(5), None);
        assert_eq!(find("", "br0", [192, 168, 0, 2].into()), None);
    }

    #[test]
    fn the_kernel_of_this_machine_has_a_table_that_reads() {
        assert_eq!(Arp::on("lo").card_of(Ipv4Addr::LOCALHOST, 1), Neighbour::NoCards);
        assert_eq!(Arp::on("nosuchif0").card_of(Ipv4Addr::LOCALHOST, 1), Neighbour::Unknown);
        assert!(std::fs::read_to_string(TABLE).unwrap().starts_with("IP address"));
    }
}
