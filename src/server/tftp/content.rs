//! Where content comes from: a trait, so that no path in a packet can ever name a file on the disk.

use std::net::Ipv4Addr;
use std::time::Duration;

pub use axum::body::Bytes;
use tokio::sync::oneshot;

/// How long content may be in the making.
const LATEST: Duration = Duration::from_secs(30);

/// What the server can serve. Called from the task of the transfer; must not wait,
/// but may return what is still in the making.
pub trait TftpContent: Send + Sync {
    /// Finds what is published under exactly this name for this client. The name is as the client sent it: look it up,
    /// never open it as a path.
    fn open(&self, client: Ipv4Addr, name: &str) -> Result<Found, NotServed>;

    /// Whether this is the address of a known machine. An unknown one gets at most one error per second.
    fn knows(&self, client: Ipv4Addr) -> bool;

    /// Whether this is the reserved address of a node, whose places no stranger can take.
    fn is_node(&self, client: Ipv4Addr) -> bool;

    /// The current number of places for transfers; queried for every request.
    fn places(&self) -> Places {
        Places { nodes: 256, strangers: 64 }
    }
}

/// Something that is served.
#[derive(Debug)]
pub enum Found {
    /// It is in memory.
    Now(Bytes),
    /// It is being made elsewhere; the transfer begins once it is there.
    Later(oneshot::Receiver<Result<Bytes, NotServed>>),
}

impl Found {
    /// Waits for it, with a limit after which the client has given up, too.
    pub(super) async fn ready(self) -> Result<Bytes, NotServed> {
        let later = match self {
            Self::Now(bytes) => return Ok(bytes),
            Self::Later(later) => later,
        };
        let failed = |text: &str| Err(NotServed { text: text.into() });
        match tokio::time::timeout(LATEST, later).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => failed("it could not be made: the daemon's log says why"),
            Err(_) => failed("it was not made in time, try again"),
        }
    }
}

/// How many transfers may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Of all nodes together.
    pub nodes: usize,
    /// Of all strangers together.
    pub strangers: usize,
}

/// Why a name is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotServed {
    /// The reason for the person in front of the machine; it contains no paths and no secrets.
    pub text: String,
}
