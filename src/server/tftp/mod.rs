//! The TFTP server: one listening socket, one task per transfer with its own socket. It decides nothing:
//! [`TftpContent`] says what can be read, `wire::tftp` how a transfer proceeds. It never touches the store.
//!
//! Every answer leaves from the address that was asked: the server binds to one address, never to the wildcard address,
//! so it also never answers a broadcast.

mod burst;
mod content;
mod endpoint;
mod error_limit;
mod rooms;
mod seen;
mod serve;
mod transfers;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub(crate) use content::Places;
pub use content::{Bytes, Found, NotServed, TftpContent};
pub use seen::{Observer, Outcome, Seen, Stop};

use crate::server::net::pinned;
use crate::wire::tftp::Request;
use endpoint::Endpoint;
use error_limit::ErrorLimit;
use serve::Shared;
use transfers::Transfers;

/// How long running transfers may continue after the shutdown request.
const DRAIN: Duration = Duration::from_secs(5);
/// How long telling the remaining clients may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A bound TFTP server that does not answer yet.
#[derive(Debug)]
pub struct TftpServer {
    socket: UdpSocket,
    endpoint: Endpoint,
    local: SocketAddrV4,
    subnets: Option<Vec<Ipv4Net>>,
}

impl TftpServer {
    /// Binds to one address, and to one interface if it is named. Port 0 lets the system choose. Must be called within
    /// a tokio runtime.
    pub fn bind(interface: Option<&str>, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let endpoint = Endpoint::new(interface, address);
        let (socket, local) = endpoint.listen(port).map_err(|error| {
            let place = interface.map(|name| format!(" on `{name}`")).unwrap_or_default();
            io::Error::new(error.kind(), format!("cannot listen on {address}:{port}{place} (TFTP): {error}"))
        })?;
        Ok(Self { socket, endpoint, local, subnets: None })
    }

    /// Answers only machines of these subnets. A forged request then reaches no victim beyond them.
    pub fn answer_only(self, subnets: impl IntoIterator<Item = Ipv4Net>) -> Self {
        Self { subnets: Some(subnets.into_iter().collect()), ..self }
    }

    /// The address and port that the server listens on.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.local
    }

    /// Serves until `shutdown`; then running transfers have five seconds to finish, and the remaining clients are told
    /// to stop.
    pub async fn run(self, content: Arc<dyn TftpContent>, shutdown: CancellationToken, observer: Observer) {
        let Self { socket, endpoint, local, subnets } = self;
        let shared = Arc::new(Shared { endpoint, content, observer, errors: ErrorLimit::default() });
        let mut transfers = Transfers::new(shared);
        info!(address = %local, "tftp listens");
        // One byte more than a request may have, so that a longer one is recognised.
        let mut packet = [0; 513];
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(()) = transfers.next_end() => {}
                received = socket.recv_from(&mut packet) => match received {
                    Ok((len, SocketAddr::V4(client))) if may_answer(client, subnets.as_deref()) => {
                        take(&mut transfers, client, &packet[..len]).await;
                    }
                    Ok((_, client)) => debug!(peer = %client, "tftp request from outside the site's networks: no answer"),
                    Err(error) => {
                        warn!(address = %local, %error, "tftp cannot receive");
                        tokio::time::sleep(pinned::AFTER_ERROR).await;
                    }
                },
            }
        }
        drop(socket);
        drain(transfers).await;
        info!(address = %local, "tftp stopped");
    }
}

/// Whether a packet can come from a machine that boots here.
fn may_answer(client: SocketAddrV4, subnets: Option<&[Ipv4Net]>) -> bool {
    let ip = client.ip();
    let is_one_machine = !ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast() && client.port() != 0;
    let fits = |net: &Ipv4Net| net.contains(ip) && (net.prefix_len() >= 31 || *ip != net.broadcast());
    is_one_machine && subnets.is_none_or(|nets| nets.iter().any(fits))
}

async fn take(transfers: &mut Transfers, client: SocketAddrV4, packet: &[u8]) {
    match Request::parse(packet) {
        Ok(request) => {
            if transfers.is_repeat(client, &request) || transfers.lacks_place(client) {
                // pxelinux ends a transfer with an ERROR and asks again from the same port at once. The two packets
                // wait at different sockets: the old transfer must read its end before the request is treated as a
                // repetition. Likewise, a transfer whose last acknowledgement waits to be read holds no place.
                tokio::task::yield_now().await;
                transfers.note_ended();
            }
            transfers.start(client, request);
        }
        Err(error) => match error.code() {
            Some(code) => transfers.refuse(client, code, error.to_string()),
            None => debug!(peer = %client, %error, "tftp packet without a transfer: no answer"),
        },
    }
}

async fn drain(mut transfers: Transfers) {
    let finish = async |transfers: &mut Transfers| while transfers.next_end().await.is_some() {};
    if tokio::time::timeout(DRAIN, finish(&mut transfers)).await.is_err() {
        transfers.stop_all();
        let _ = tokio::time::timeout(FAREWELL, finish(&mut transfers)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_machines_of_the_subnet_are_answered() {
        let nets: [Ipv4Net; 2] = ["192.168.0.0/24", "10.0.2.0/24"].map(|net| net.parse().unwrap());
        let subnet = Some(&nets[..]);
        let answered = |client: &str, subnet| may_answer(client.parse().unwrap(), subnet);
        assert!(answered("192.168.0.7:2070", subnet) && answered("10.0.2.7:2070", subnet));
        assert!(answered("10.0.0.7:2070", None));
        for client in ["10.0.0.7:2070", "192.168.0.255:2070", "192.168.0.7:0"] {
            assert!(!answered(client, subnet), "{client}");
        }
        for client in ["255.255.255.255:2070", "0.0.0.0:2070", "224.0.0.1:2070"] {
            assert!(!answered(client, None), "{client}");
        }
    }
}
