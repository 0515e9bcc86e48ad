//! Time for the nodes: answers SNTP on the provisioning interface, only to machines of the provisioning network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use socket2::Type;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::net::pace::{Budget, Pace};
use super::net::pinned;
use super::served::Served;
use crate::site::TimeService;
use crate::wire::ntp::{Clock, Kept, Leap, answer};

pub(crate) const PORT: u16 = 123;
/// A client that sets its clock asks 4 to 8 times in a row, then at most every minute. Nodes are not limited: an answer
/// is never longer than its question, so questions forged in a node's name gain nothing.
const BUDGET: Budget = Budget { node: u32::MAX, stranger: 8, strangers: 100 };
const WINDOW: Duration = Duration::from_secs(1);

pub(crate) struct TimeServer {
    socket: UdpSocket,
    address: Ipv4Addr,
}

impl TimeServer {
    /// Binds to `interface` and `address`. Must be called within a runtime.
    pub(crate) fn bind(interface: &str, address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = pinned::bind(Type::DGRAM, Some(interface), SocketAddrV4::new(address, port), pinned::with_room)?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, address })
    }

    /// Answers until `shutdown`.
    pub(super) async fn run(self, served: watch::Receiver<Arc<Served>>, shutdown: CancellationToken) {
        let mut pace = Pace::new(BUDGET, WINDOW);
        let mut told = None;
        // A longer request is recognised by one byte more than the header; the rest of it is ignored.
        let mut packet = [0; 128];
        loop {
            let received = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                received = self.socket.recv_from(&mut packet) => received,
            };
            let (length, client) = match received {
                Ok((length, SocketAddr::V4(client))) => (length, client),
                Ok(_) => continue,
                Err(_) => {
                    tokio::time::sleep(pinned::AFTER_ERROR).await;
                    continue;
                }
            };
            let at = SystemTime::now();
            let (is_known, service, is_node) = {
                let site = &served.borrow().site;
                (pinned::may_answer(client, site), site.server.ntp, site.nodes.by_address(*client.ip()).is_some())
            };
            let is_known = is_known && *client.ip() != self.address;
            if !is_known || !pace.admits(*client.ip(), is_node, Instant::now()) {
                continue;
            }
            let clock = Clock::classify(kept(), service == TimeService::Always, at);
            tell(clock, &mut told);
            if let Some(reply) = answer(&packet[..length], clock, at, SystemTime::now()) {
                // Never waits: a client without an answer asks again.
                let _ = self.socket.try_send_to(&reply, client.into());
            }
        }
    }
}

/// Logs the quality of the clock once, and again when that changes.
fn tell(clock: Clock, told: &mut Option<std::mem::Discriminant<Clock>>) {
    let kind = std::mem::discriminant(&clock);
    if told.replace(kind) == Some(kind) {
        return;
    }
    match clock {
        Clock::Kept(_) => tracing::info!("nodes get the time of this machine, which is synchronised"),
        Clock::Local => tracing::warn!(
            "nodes get the time of this machine, which is not synchronised: they agree with each other, not with the world"
        ),
        Clock::Unsynchronised => tracing::warn!(
            "the clock of this machine is not synchronised, or far in the past: nodes are told not to trust it"
        ),
    }
}

/// Whether the kernel calls its clock synchronised.
pub(crate) fn is_kept() -> bool {
    kept().is_some()
}

/// The kernel's view of the clock; `None` when no daemon keeps it synchronised, or when the call is forbidden.
#[allow(unsafe_code)]
fn kept() -> Option<Kept> {
    // SAFETY: `timex` is numbers only, for which zeros are values; with `modes` zero the call reads and changes nothing.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&mut timex), timex)
    };
    if state < 0 || state == libc::TIME_ERROR || timex.status & libc::STA_UNSYNC != 0 {
        return None;
    }
    let leap = match timex.status {
        status if status & libc::STA_INS != 0 => Leap::Insert,
        status if status & libc::STA_DEL != 0 => Leap::Delete,
        _ => Leap::None,
    };
    Some(Kept { leap, max_error: Duration::from_micros(u64::try_from(timex.maxerror).unwrap_or(0)) })
}
