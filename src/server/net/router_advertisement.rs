//! Tells machines that ask for an IPv6 router that there is none, so that iPXE does not wait 13 s to find out. Without
//! IPv6 on the host the module logs that once and does nothing: machines then boot as before, only later.

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
/// One advertisement answers every machine that asked before it, so a rack that powers on costs twenty per second.
const BETWEEN: Duration = Duration::from_millis(50);
/// How soon an advertisement that could not be sent is tried again, and how often.
const AGAIN: Duration = Duration::from_millis(250);
const TRIES: u32 = 20;
/// Packets read in one go, so that a flood cannot keep us from answering.
const AT_ONCE: usize = 256;

/// Answers on `interface` until `shutdown`, while the newest `site` enables it.
pub async fn run<S: AsRef<Site>>(interface: &str, site: watch::Receiver<Arc<S>>, shutdown: CancellationToken) {
    match Responder::bind(interface) {
        Ok(responder) => responder.run(site, shutdown).await,
        Err(error) => {
            warn_that_boots_are_slow(interface, &error.to_string());
            shutdown.cancelled().await;
        }
    }
}

fn warn_that_boots_are_slow(interface: &str, why: &str) {
    let effect = "iPXE waits 13 s longer at each boot";
    tracing::warn!(interface, "cannot answer router solicitations ({why}), so {effect}: enable IPv6 on `{interface}`");
}

/// Whether IPv6 is switched off on the interface; the sockets bind all the same, and only sending would fail.
fn ipv6_is_off(interface: &str) -> bool {
    let setting = std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"));
    setting.is_ok_and(|text| text.trim() == "1")
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
        let complained = ipv6_is_off(interface);
        if complained {
            warn_that_boots_are_slow(interface, "IPv6 is switched off");
        }
        Ok(Self { interface: interface.into(), socket, to, complained })
    }

    async fn run<S: AsRef<Site>>(mut self, site: watch::Receiver<Arc<S>>, shutdown: CancellationToken) {
        let mut tries_left = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                asked = self.hears_a_solicitation() => match asked {
                    Ok(true) => tries_left = TRIES,
                    Ok(false) => continue,
                    Err(error) => self.complain("receive router solicitations", &error),
                },
                () = tokio::time::sleep(AGAIN), if tries_left > 0 => {}
            }
            if tries_left > 0 && (**site.borrow()).as_ref().network.router_advertisement {
                tries_left = if self.advertise(tries_left == 1) { 0 } else { tries_left - 1 };
            }
            // Also the pause after an error, so that the loop does not spin.
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(BETWEEN) => {}
            }
        }
    }

    /// Waits for packets, reads the waiting ones, and returns whether a router solicitation was among them.
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

    /// Returns whether it was sent. Only the last attempt logs a failure: an interface that just came up has no usable
    /// address for a second or two.
    fn advertise(&mut self, last_try: bool) -> bool {
        let sent = self.socket.try_send_to(&advertisement(), self.to.into());
        match &sent {
            Ok(_) => tracing::debug!(interface = self.interface, "router advertisement: no router here"),
            Err(error) if last_try => self.complain("send a router advertisement", error),
            Err(_) => {}
        }
        sent.is_ok()
    }

    fn complain(&mut self, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(interface = self.interface, "cannot {what}: {error}");
        }
    }
}
