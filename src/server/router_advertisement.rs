//! Tells machines that ask for an IPv6 router that there is none, so that iPXE does not wait 13 s to find out.
//! Without IPv6 on the host it says so once and does nothing: machines then boot as before, only later.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::site::Site;
use crate::wire::router_advertisement::{HOP_LIMIT, advertisement, is_router_solicitation};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// One advertisement answers everybody who asked before it, so a hall of machines costs twenty a second.
const BETWEEN: Duration = Duration::from_millis(50);
/// Packets read in one go, so that a flood cannot keep us from ever answering.
const AT_ONCE: usize = 256;

/// Answers on `interface` until `shutdown`, while the newest `site` says so.
pub async fn run(interface: &str, site: watch::Receiver<Arc<Site>>, shutdown: CancellationToken) {
    match Responder::bind(interface) {
        Ok(responder) => responder.run(site, shutdown).await,
        Err(error) => {
            let effect = "iPXE waits 13 s longer at each boot";
            tracing::warn!(interface, "cannot answer router solicitations, so {effect}: no IPv6 on it? ({error})");
            shutdown.cancelled().await;
        }
    }
}

struct Responder {
    interface: String,
    socket: UdpSocket,
    to: SocketAddrV6,
    complained: bool,
}

impl Responder {
    fn bind(interface: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        let index = name_to_index(&socket, interface)?;
        socket.join_multicast_v6(&ALL_ROUTERS, index)?;
        socket.set_multicast_if_v6(index)?;
        socket.set_multicast_hops_v6(HOP_LIMIT)?;
        socket.set_multicast_loop_v6(false)?;
        let to = SocketAddrV6::new(ALL_NODES, 0, 0, index);
        // Not UDP, but the same system calls: tokio has no type of its own for raw sockets.
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { interface: interface.into(), socket, to, complained: false })
    }

    async fn run(mut self, site: watch::Receiver<Arc<Site>>, shutdown: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = shutdown.cancelled() => return,
                asked = self.hears_a_solicitation() => asked,
            };
            match asked {
                Ok(false) => continue,
                Ok(true) if site.borrow().network.router_advertisement => self.advertise(),
                Ok(true) => {}
                Err(error) => self.complain("receive router solicitations", &error),
            }
            // Also the pause after an error, so that it is no busy loop.
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(BETWEEN) => {}
            }
        }
    }

    /// Waits for packets, reads those that wait, and tells whether a router solicitation was among them.
    async fn hears_a_solicitation(&self) -> io::Result<bool> {
        self.socket.readable().await?;
        let (mut buffer, mut heard) = ([0; 1280], false);
        for _ in 0..AT_ONCE {
            match self.socket.try_recv(&mut buffer) {
                Ok(length) => heard |= is_router_solicitation(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(heard)
    }

    fn advertise(&mut self) {
        match self.socket.try_send_to(&advertisement(), self.to.into()) {
            Ok(_) => tracing::debug!(interface = self.interface, "router advertisement: no router here"),
            Err(error) => self.complain("send a router advertisement", &error),
        }
    }

    fn complain(&mut self, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(interface = self.interface, "cannot {what}: {error}");
        }
    }
}
