//! The sockets: where the server listens, and one per transfer that sends from the same address.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::net::sockopt::{Ipv4PathMtuDiscovery, ip_mtu, set_ip_mtu_discover};
use socket2::{Socket, Type};
use tokio::net::UdpSocket;

use crate::server::net::pinned;
use crate::wire::tftp::Limits;

/// The interface and the address that every packet leaves from.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    interface: Option<String>,
    address: Ipv4Addr,
}

impl Endpoint {
    pub(super) fn new(interface: Option<&str>, address: Ipv4Addr) -> Self {
        Self { interface: interface.map(Into::into), address }
    }

    /// The listening socket. Refuses the wildcard address: a socket bound to it answers from whatever address the route
    /// has, and firmware drops an answer from an address that it did not ask.
    pub(super) fn listen(&self, port: u16) -> io::Result<(UdpSocket, SocketAddrV4)> {
        if self.address.is_unspecified() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TFTP needs the one address that nodes will use"));
        }
        let socket = self.bind(port)?;
        let local = socket.local_addr()?.as_socket_ipv4().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok((UdpSocket::from_std(socket.into())?, local))
    }

    /// A socket for one transfer, on a port of its own (the server's transfer identifier, RFC 1350 section 4), and what
    /// the link to that client can carry. The kernel drops packets from other senders.
    pub(super) fn transfer_socket(&self, client: SocketAddrV4) -> io::Result<(UdpSocket, Limits)> {
        let socket = self.bind(0)?;
        // No "don't fragment" flag: blocks fit the link anyway, and a forged ICMP must not shrink them.
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DONT)?;
        socket.connect(&client.into())?;
        let limits = Limits::for_mtu(ip_mtu(&socket)?);
        Ok((UdpSocket::from_std(socket.into())?, limits))
    }

    fn bind(&self, port: u16) -> io::Result<Socket> {
        let address = SocketAddrV4::new(self.address, port);
        pinned::bind(Type::DGRAM, self.interface.as_deref(), address, |_| Ok(()))
    }
}
