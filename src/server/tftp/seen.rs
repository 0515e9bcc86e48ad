//! What the timeline learns about a request, once, when it has ended.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::tftp::Ending;

/// Called at the end of every request. Runs on the server's own thread and must not wait.
pub type Observer = Arc<dyn Fn(Seen) + Send + Sync>;

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The client that asked.
    pub client: Ipv4Addr,
    /// The name as asked, safe to print; empty if the request could not be read.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Content that the client acknowledged, bytes.
    pub bytes: u64,
    /// Time from the request to the end.
    pub elapsed: Duration,
    /// Packets that were sent more than once.
    pub retransmissions: u64,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The transfer ended by the protocol.
    Ended(Ending),
    /// Nothing is published under this name; the text is what the client was told.
    NotServed(String),
    /// The request itself was refused; the text is what the client was told, or why it was not answered.
    Refused(String),
    /// The server ended the transfer.
    Stopped(Stop),
    /// The operating system did not send the packets; the text is its reason.
    Broken(String),
}

/// Why the server ended a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The client made a new request from the same port, so it has abandoned this one.
    Replaced,
    /// Newer transfers needed the place, and this one had been silent for longest.
    Crowded,
    /// A newer transfer needed the place, and the client of this one never answered, so it may not exist.
    Unheard,
    /// The server is stopping.
    ServerStops,
}

impl Stop {
    /// The error that the client is sent. `None` if the client would mistake it for the answer to its new request, or
    /// if it was never heard: a client that exists asks again, and an error would make its firmware give up.
    pub(super) fn text(self) -> Option<&'static str> {
        match self {
            Self::Replaced | Self::Unheard => None,
            Self::Crowded => Some("too many transfers, this one was the most silent"),
            Self::ServerStops => Some("server is stopping"),
        }
    }
}

impl Outcome {
    /// Whether the client has, as far as can be known, all it wanted.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Ended(Ending::Finished | Ending::Unconfirmed | Ending::SizeProbe))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(Ending::Finished) => f.write_str("finished"),
            Self::Ended(Ending::Unconfirmed) => f.write_str("finished, last acknowledgement missing"),
            Self::Ended(Ending::SizeProbe) => f.write_str("asked for the size only"),
            Self::Ended(Ending::EndedByClient { code, text }) => {
                write!(f, "ended by the client: {text} (error {code})")
            }
            Self::Ended(Ending::Vanished) => f.write_str("client stopped answering"),
            Self::NotServed(text) => write!(f, "not served: {text}"),
            Self::Refused(text) => write!(f, "refused: {text}"),
            Self::Stopped(Stop::Replaced) => f.write_str("replaced by a new request from the same port"),
            Self::Stopped(Stop::Unheard) => f.write_str("ended for a newer transfer before its client answered"),
            Self::Stopped(Stop::Crowded) => f.write_str("ended for newer transfers"),
            Self::Stopped(Stop::ServerStops) => f.write_str("server is stopping"),
            Self::Broken(text) => write!(f, "network failed: {text}"),
        }
    }
}
