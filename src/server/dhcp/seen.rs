//! What observers learn of a request: the timeline of a MAC is made from these.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::sockets::Way;
use crate::boot::{Asking, ClientArch};
use crate::site::{Mac, NodeName, SmbiosUuid};
use crate::wire::dhcp::{Answer, MessageKind, NakReason, SilenceReason};

/// Called for every request, on the packet path: it must return at once and never block.
pub type Observer = Arc<dyn Fn(Seen) + Send + Sync>;

/// One request and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The card that asked.
    pub mac: Mac,
    /// What was asked.
    pub asked: MessageKind,
    /// The kind of client: firmware, iPXE or a system.
    pub asking: Asking,
    /// The machine's architecture.
    pub arch: ClientArch,
    /// Its SMBIOS UUID, if the request had one.
    pub machine_uuid: Option<SmbiosUuid>,
    /// What the client calls itself (option 60), cleaned for people to read.
    pub vendor_class: Option<String>,
    /// The relay agent that forwarded it.
    pub relay: Option<Ipv4Addr>,
    /// What was done.
    pub outcome: Outcome,
}

/// What was done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A reply was sent.
    Answered {
        /// The node; `None` for a machine that is in no site file.
        node: Option<NodeName>,
        /// DHCPOFFER, DHCPACK or DHCPNAK.
        kind: MessageKind,
        /// The address that is reserved for it or lent to it.
        address: Ipv4Addr,
        /// What it was told to load: a TFTP name or a URL.
        boot_file: Option<String>,
        /// Why a DHCPNAK refuses.
        refusal: Option<NakReason>,
    },
    /// Nothing was sent, on purpose.
    Silent(SilenceReason),
    /// A reply was due but could not be sent.
    NotSent {
        /// The node; `None` for a machine that is in no site file.
        node: Option<NodeName>,
        /// The system's error.
        error: String,
    },
}

impl Seen {
    /// Packets that are not a DHCP request have no sender; they are only counted and logged.
    pub(super) fn of(answer: Answer, sent: io::Result<Way>) -> Option<Self> {
        let (request, outcome) = match (answer, sent) {
            (Answer::Reply(request, reply), Ok(_)) => {
                let boot_file = reply.boot_file().map(Into::into);
                let (node, kind, address, refusal) = (reply.node, reply.kind, reply.address, reply.refusal);
                (request, Outcome::Answered { node, kind, address, boot_file, refusal })
            }
            (Answer::Reply(request, reply), Err(error)) => {
                (request, Outcome::NotSent { node: reply.node, error: error.to_string() })
            }
            (Answer::Silence(request, reason), _) => (request, Outcome::Silent(reason)),
            (Answer::Malformed(_), _) => return None,
        };
        let crate::boot::BootRequest { mac, arch, asking, .. } = request.boot;
        let (asked, machine_uuid, relay) = (request.kind, request.machine_uuid, request.relay);
        let vendor_class = request.vendor_class;
        Some(Self { mac, asked, asking, arch, machine_uuid, vendor_class, relay, outcome })
    }
}
