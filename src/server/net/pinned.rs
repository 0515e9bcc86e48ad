//! Sockets pinned to one interface. A socket that is only bound to an address would also receive packets from other
//! cards: the kernel accepts a packet for any address of the machine on every interface.

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::site::Site;

/// The pause after a socket failed, for example because no descriptor was left, so that the loop does not spin.
pub(in crate::server) const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Size of the socket buffers for datagrams that wait for address resolution, or for us, in bytes. Some kernels give
/// less.
const ROOM: usize = 1 << 20;

/// Enlarges the buffers of a socket that answers nodes and strangers: more answers may then wait before they block
/// those of nodes.
pub(in crate::server) fn with_room(socket: &Socket) -> io::Result<()> {
    socket.set_send_buffer_size(ROOM)?;
    socket.set_recv_buffer_size(ROOM)
}

/// A non-blocking socket on `address` that receives and sends on `interface` only. `prepare` sets what must be set
/// before binding.
pub(in crate::server) fn bind(
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

/// Whether a packet can come from one machine of a provisioning network. A forged request then reaches no victim beyond
/// those.
pub(in crate::server) fn may_answer(client: SocketAddrV4, site: &Site) -> bool {
    client.port() != 0 && site.has_machine(*client.ip())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::site::testing::{behind_a_router, paper_site};

    #[test]
    fn only_single_machines_of_the_networks_are_answered() {
        let site = behind_a_router(paper_site(), "compute4");
        let answered = |client: &str| may_answer(client.parse().unwrap(), &site);
        assert!(answered("192.168.0.7:2070") && answered("10.0.2.7:2070"));
        for client in [
            "10.0.2.255:2070",
            "10.0.0.7:2070",
            "192.168.0.255:2070",
            "192.168.0.0:2070",
            "192.168.0.7:0",
            "0.0.0.0:68",
        ] {
            assert!(!answered(client), "{client}");
        }
    }

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
