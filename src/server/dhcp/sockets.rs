//! The sockets of the DHCP server, all pinned to one interface. Two of them receive: one gets broadcasts, the other
//! what is sent to our address; the latter also ensures that every routed reply leaves from that address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::Type;
use tokio::net::UdpSocket;

use crate::server::net::packet::{EVERYBODY, LinkSocket, what_helps};
use crate::server::net::pinned;
use crate::site::Mac;
use crate::wire::datagram::udp_in_ipv4;
use crate::wire::dhcp::{BOOT_SERVER_PORT, Reply, ReplyTo};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Room for about 3000 waiting requests: every machine of a large rack powering on at once.
const RECEIVE_BUFFER: usize = 2 * 1024 * 1024;

/// How a reply left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To its proper destination.
    AsMeant,
    /// As a broadcast, because sending to the card failed; most clients accept it all the same.
    BroadcastInstead,
}

/// The bound sockets, not yet part of a runtime.
pub(crate) struct Sockets {
    interface: String,
    ours: SocketAddrV4,
    to_all: std::net::UdpSocket,
    to_us: std::net::UdpSocket,
    boot_server: Option<std::net::UdpSocket>,
    link: Option<LinkSocket>,
}

impl Sockets {
    pub(crate) fn bind(interface: &str, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let to_all = udp(interface, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
        let port = to_all.local_addr()?.port();
        let ours = SocketAddrV4::new(address, port);
        let to_us = udp(interface, ours)?;
        let link = LinkSocket::open(interface).inspect_err(|error| {
            tracing::warn!(
                interface,
                "cannot send straight to a card ({error}), so replies are broadcast{}",
                what_helps(error)
            );
        });
        Ok(Self { interface: interface.into(), ours, to_all, to_us, boot_server: None, link: link.ok() })
    }

    /// Also binds the port of boot servers.
    pub(crate) fn with_boot_server(self) -> io::Result<Self> {
        let boot_server = udp(&self.interface, SocketAddrV4::new(*self.ours.ip(), BOOT_SERVER_PORT))?;
        Ok(Self { boot_server: Some(boot_server), ..self })
    }

    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    /// Hands the sockets to the runtime in which it is called.
    pub(crate) fn into_async(self) -> io::Result<AsyncSockets> {
        let (to_all, to_us) = (UdpSocket::from_std(self.to_all)?, UdpSocket::from_std(self.to_us)?);
        let boot_server = self.boot_server.map(UdpSocket::from_std).transpose()?;
        Ok(AsyncSockets { ours: self.ours, to_all, to_us, boot_server, link: self.link })
    }
}

fn udp(interface: &str, address: SocketAddrV4) -> io::Result<std::net::UdpSocket> {
    let fail = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot listen on {address} (DHCP) of interface `{interface}`: {error}"))
    };
    let socket = pinned::bind(Type::DGRAM, Some(interface), address, |socket| {
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        // The system may grant less; that only loses packets in a storm, and clients ask again.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        Ok(())
    });
    socket.map(Into::into).map_err(fail)
}

/// The sockets within a runtime.
pub(crate) struct AsyncSockets {
    ours: SocketAddrV4,
    to_all: UdpSocket,
    to_us: UdpSocket,
    boot_server: Option<UdpSocket>,
    link: Option<LinkSocket>,
}

impl AsyncSockets {
    /// Waits for a packet that was broadcast.
    pub(crate) async fn receive_to_all<'a>(&self, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddrV4)> {
        receive(&self.to_all, buffer).await
    }

    /// Waits for a packet that was sent to our address.
    pub(crate) async fn receive_to_us<'a>(&self, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddrV4)> {
        receive(&self.to_us, buffer).await
    }

    /// Waits for a packet that was sent to the port of boot servers; for ever, where that is not bound.
    pub(crate) async fn receive_for_boot_server<'a>(
        &self,
        buffer: &'a mut [u8],
    ) -> io::Result<(&'a [u8], SocketAddrV4)> {
        match &self.boot_server {
            Some(socket) => receive(socket, buffer).await,
            None => std::future::pending().await,
        }
    }

    /// Sends the reply to a packet that came from `from`. Never waits.
    pub(crate) fn send(&self, reply: &Reply, from: SocketAddrV4) -> io::Result<Way> {
        let standard = self.ours.port() == SERVER_PORT;
        let client_port = if standard { CLIENT_PORT } else { from.port() };
        let relay_port = if standard { SERVER_PORT } else { from.port() };
        match reply.to {
            ReplyTo::Relay(relay) => self.send_routed(SocketAddrV4::new(relay, relay_port), &reply.bytes),
            ReplyTo::Address(address) => self.send_routed(SocketAddrV4::new(address, client_port), &reply.bytes),
            ReplyTo::Link { mac, address } => {
                self.send_link(mac, SocketAddrV4::new(address, client_port), &reply.bytes)
            }
            // From the port that was asked.
            ReplyTo::Sender => {
                self.boot_server.as_ref().unwrap_or(&self.to_us).try_send_to(&reply.bytes, from.into())?;
                Ok(Way::AsMeant)
            }
            ReplyTo::Broadcast => {
                self.send_link(EVERYBODY, SocketAddrV4::new(Ipv4Addr::BROADCAST, client_port), &reply.bytes)
            }
        }
    }

    /// Sends to a card that has no address here: the IP destination is the broadcast address. Never waits.
    pub(crate) fn send_to_card(&self, mac: Mac, bytes: &[u8]) -> io::Result<Way> {
        self.send_link(mac, SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT), bytes)
    }

    fn send_routed(&self, to: SocketAddrV4, bytes: &[u8]) -> io::Result<Way> {
        self.to_us.try_send_to(bytes, to.into())?;
        Ok(Way::AsMeant)
    }

    fn send_link(&self, mac: Mac, to: SocketAddrV4, bytes: &[u8]) -> io::Result<Way> {
        let direct = match (&self.link, udp_in_ipv4(self.ours, to, bytes)) {
            (Some(link), Some(packet)) => link.send(mac, &packet),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        if direct.is_ok() {
            return Ok(Way::AsMeant);
        }
        self.to_us.try_send_to(bytes, SocketAddrV4::new(Ipv4Addr::BROADCAST, to.port()).into())?;
        Ok(if mac == EVERYBODY { Way::AsMeant } else { Way::BroadcastInstead })
    }
}

async fn receive<'a>(socket: &UdpSocket, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddrV4)> {
    loop {
        // An IPv4 socket has only IPv4 peers.
        if let (length, SocketAddr::V4(from)) = socket.recv_from(buffer).await? {
            return Ok((&buffer[..length], from));
        }
    }
}
