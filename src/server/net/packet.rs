//! Sends IP packets straight to a card, without ARP: a machine that boots has no address yet and cannot answer it. This
//! needs CAP_NET_RAW, and changes nothing in the host's neighbour table, which would need CAP_NET_ADMIN.

use std::io;
use std::mem::size_of;

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use crate::site::Mac;

/// The broadcast address of the link.
pub(crate) const EVERYBODY: Mac = Mac([0xff; 6]);

/// A packet socket that only sends, on one interface.
#[derive(Debug)]
pub(crate) struct LinkSocket {
    socket: Socket,
    interface: u32,
}

impl LinkSocket {
    /// Opens the socket; fails without CAP_NET_RAW in the network namespace of the interface.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        // Protocol 0: the kernel queues no received packet on it.
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        let interface = name_to_index(&socket, interface)?;
        Ok(Self { socket, interface })
    }

    /// Sends an IPv4 packet to a card. Never waits: a full queue is an error.
    pub(crate) fn send(&self, to: Mac, packet: &[u8]) -> io::Result<()> {
        let sent = self.socket.send_to(packet, &link_address(self.interface, to))?;
        if sent == packet.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

/// The end of a message about a missing packet socket. A capability helps only against a permission error; `lo`, for
/// example, has no card.
pub(crate) fn what_helps(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ": CAP_NET_RAW would help",
        _ => "",
    }
}

/// The address on which a packet socket receives all IPv4 packets of the interface of `link`.
pub(crate) fn ipv4_of(link: &LinkSocket) -> SockAddr {
    link_address(link.interface, EVERYBODY)
}

#[allow(unsafe_code)]
fn link_address(interface: u32, mac: Mac) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is the C layout of an AF_PACKET address and smaller than `sockaddr_storage`; all zero is
    // a valid value of it. Every field that the kernel reads is set before `SockAddr::new` gets its exact length.
    unsafe {
        let address = storage.view_as::<libc::sockaddr_ll>();
        address.sll_family = libc::AF_PACKET as libc::sa_family_t;
        address.sll_protocol = (libc::ETH_P_IP as u16).to_be();
        address.sll_ifindex = interface as libc::c_int;
        address.sll_halen = 6;
        address.sll_addr[..6].copy_from_slice(&mac.0);
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_a_card_is_a_packet_address() {
        let address = link_address(3, EVERYBODY);
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len() as usize, size_of::<libc::sockaddr_ll>());
    }

    #[test]
    fn interface_that_does_not_exist_is_an_error() {
        assert!(LinkSocket::open("nosuchif0").is_err());
    }
}
