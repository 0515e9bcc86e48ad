//! The log lines of DHCP. INFO tells the story of a node, WARN needs a person, and the rest is for debugging. Every
//! line is rate-limited, because anybody on the link can cause one.

use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use super::sockets::Way;
use crate::server::net::log_limit::LogLimit;
use crate::site::Mac;
use crate::wire::dhcp::{Answer, Malformed, MessageKind, Reply, Request, SilenceReason};

const MINUTE: Duration = Duration::from_secs(60);
const NOBODY: Mac = Mac([0; 6]);

/// Writes the log lines of one interface.
pub(crate) struct Story {
    interface: String,
    nodes: LogLimit<Mac>,
    strangers: LogLimit<Mac>,
}

impl Story {
    pub(crate) fn new(interface: String) -> Self {
        // A boot has two DHCPACKs; twelve per minute mean a node in trouble. A stranger is worth one line per minute.
        Self { interface, nodes: LogLimit::new(12, MINUTE, 200).of_nodes(), strangers: LogLimit::new(1, MINUTE, 10) }
    }

    /// Logs what was done about a packet that came from `from`.
    pub(crate) fn tell(&mut self, answer: &Answer, sent: &io::Result<Way>, from: SocketAddrV4) {
        match answer {
            Answer::Reply(request, reply) => self.replied(request, reply, sent),
            Answer::Silence(request, reason) => self.silent(request, reason),
            Answer::Malformed(malformed) => self.malformed(malformed, from),
        }
    }

    /// Logs that the sockets cannot receive.
    pub(crate) fn cannot_receive(&mut self, error: &io::Error) {
        if let Some(held_back) = self.strangers.ask(NOBODY, Instant::now()) {
            tracing::error!(interface = self.interface, held_back, "cannot receive DHCP packets: {error}");
        }
    }

    fn replied(&mut self, request: &Request, reply: &Reply, sent: &io::Result<Way>) {
        let node = reply.node.as_ref().map_or("stranger", |node| node.as_str());
        let (mac, boot_file) = (request.boot.mac, reply.boot_file().unwrap_or("-"));
        let (arch, stage, kind, to) = (request.boot.arch, request.boot.asking, reply.kind, reply.to);
        if kind == MessageKind::Offer && matches!(sent, Ok(Way::AsMeant)) {
            return tracing::debug!(%mac, node, %arch, %stage, boot_file, %to, "{kind} of {}", reply.address);
        }
        let limit = if reply.node.is_some() { &mut self.nodes } else { &mut self.strangers };
        let Some(held_back) = limit.ask(mac, Instant::now()) else { return };
        let interface = self.interface.as_str();
        match (sent, &reply.refusal) {
            (Err(error), _) => {
                tracing::error!(%mac, node, interface, held_back, "cannot send a {kind} to {to}: {error}");
            }
            (Ok(_), Some(refusal)) => tracing::warn!(%mac, node, interface, held_back, "{kind}: {refusal}"),
            (Ok(Way::BroadcastInstead), None) => {
                tracing::warn!(%mac, node, interface, held_back, "{kind} was broadcast, because sending to {to} failed");
            }
            (Ok(Way::AsMeant), None) => {
                tracing::info!(%mac, node, %arch, %stage, boot_file, held_back, "{kind} of {}", reply.address);
            }
        }
        if !request.unreadable.is_empty() || request.truncated {
            tracing::debug!(%mac, options = ?request.unreadable, truncated = request.truncated, "options were skipped");
        }
    }

    fn silent(&mut self, request: &Request, reason: &SilenceReason) {
        let (mac, arch, stage, kind) = (request.boot.mac, request.boot.arch, request.boot.asking, request.kind);
        let interface = self.interface.as_str();
        if !reason.wants_a_person() {
            return tracing::debug!(%mac, %arch, %stage, interface, "no answer to {kind}: {reason}");
        }
        if let Some(held_back) = self.strangers.ask(mac, Instant::now()) {
            tracing::warn!(%mac, %arch, %stage, interface, held_back, "no answer to {kind}: {reason}");
        }
    }

    fn malformed(&mut self, malformed: &Malformed, from: SocketAddrV4) {
        if let Some(held_back) = self.strangers.ask(NOBODY, Instant::now()) {
            let interface = self.interface.as_str();
            tracing::warn!(peer = %from, interface, held_back, "a packet is not a DHCP request: {malformed}");
        }
    }
}
