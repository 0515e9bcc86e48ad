//! Finds the card behind an address, by asking the kernel for that one entry of its neighbour table, anew for each
//! request. A peer that speaks TCP was just resolved, so its entry exists; to lie about an address a peer must forge ARP,
//! and that shows here.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use crate::boot::Neighbour;
use crate::site::Mac;
use crate::wire::neighbour::{Answer, answer, question};

/// The whole table of this process's network namespace (proc(5)).
const TABLE: &str = "/proc/net/arp";
/// `ATF_COM` of `<linux/if_arp.h>`: the entry is complete.
const COMPLETE: u32 = 0x02;
/// Each question has a socket of its own, so one number tells its answer from everything else.
const SEQUENCE: u32 = 1;

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
        match ask(&self.interface, address) {
            Ok(card) => card.map_or(Neighbour::Unknown, Neighbour::Card),
            Err(error) => {
                tracing::error!("cannot ask for a neighbour, so nobody can be told from a thief: {error}");
                Neighbour::Unknown
            }
        }
    }
}

/// The card of a complete entry. A kernel before 5.0 answers only to a request for the whole table, which is then read.
fn ask(interface: &str, address: Ipv4Addr) -> io::Result<Option<Mac>> {
    match ask_for_one(interface, address)? {
        Some(Answer::Card(card)) => Ok(Some(card)),
        Some(Answer::Incomplete) => Ok(None),
        Some(Answer::Error(number)) => match Errno::from_raw_os_error(number) {
            // There is no such entry, or the interface has just gone.
            Errno::NOENT | Errno::NODEV => Ok(None),
            Errno::OPNOTSUPP => Ok(find(&std::fs::read_to_string(TABLE)?, interface, address)),
            other => Err(other.into()),
        },
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is not one to the question")),
    }
}

/// Asks the kernel; it has answered when the request was sent.
fn ask_for_one(interface: &str, address: Ipv4Addr) -> io::Result<Option<Answer>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    let index = match name_to_index(&socket, interface) {
        Err(Errno::NODEV) => return Ok(Some(Answer::Incomplete)),
        index => index?,
    };
    let question = question(address, index, SEQUENCE);
    sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut packet = [0; 1024];
    // Only a process with CAP_NET_ADMIN could have sent something else to this socket; then it is not an answer.
    let (length, _) = recv(&socket, &mut packet, RecvFlags::empty())?;
    Ok(answer(&packet[..length], address, index, SEQUENCE))
}

/// Finds a complete entry in the text of the table: `address  0x1  flags  hardware-address  mask  interface`.
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
    fn the_kernel_of_this_machine_says_of_each_neighbour_what_its_whole_table_says() {
        assert_eq!(Arp::on("lo").card_of(Ipv4Addr::LOCALHOST, 1), Neighbour::NoCards);
        assert_eq!(Arp::on("nosuchif0").card_of(Ipv4Addr::LOCALHOST, 1), Neighbour::Unknown);
        assert_eq!(ask("lo", Ipv4Addr::new(127, 99, 99, 99)).unwrap(), None, "no such entry is not an error");
        let table = std::fs::read_to_string(TABLE).unwrap();
        assert!(table.starts_with("IP address"));
        for line in table.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (address, interface) = (columns[0].parse().unwrap(), columns[5]);
            if let Some(card) = find(&table, interface, address) {
                assert_eq!(ask(interface, address).unwrap(), Some(card), "{line}");
                assert_eq!(ask("lo", address).unwrap(), None, "on another interface it is nobody's: {line}");
            }
        }
    }
}
