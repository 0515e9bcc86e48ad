//! Sockets pinned to one interface. An address alone would also hear what came in through another card: the kernel
//! takes a packet for any address of the machine on every interface.

use std::io;
use std::net::SocketAddrV4;

use socket2::{Domain, Socket, Type};

/// A socket on `address` that hears and speaks on `interface` only, and does not block. `prepare` sets what has to be
/// set before it is bound.
pub(super) fn bind(
    kind: Type,
    interface: Option<&str>,
    address: SocketAddrV4,
    prepare: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, kind.nonblocking().cloexec(), None)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    prepare(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn socket_hears_its_interface_and_a_port_in_use_keeps_its_kind_of_error() {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let first = bind(Type::DGRAM, Some("lo"), any, |_| Ok(())).unwrap();
        assert_eq!(first.device().unwrap().as_deref(), Some(&b"lo"[..]));
        let taken = first.local_addr().unwrap().as_socket_ipv4().unwrap();
        let again = bind(Type::DGRAM, Some("lo"), taken, |_| Ok(()));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(bind(Type::DGRAM, Some("nosuchif0"), any, |_| Ok(())).is_err());
    }
}
