//! Connects the engines to the appliance: what TFTP may serve, and how packets reach the timeline.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::appliance::Appliance;
use super::capacity::{Capacity, descriptors};
use super::dhcp;
use super::dhcp::rivals::Rivals;
use super::health::Health;
use super::net::listen::{Guests, Limits, Share};
use super::net::log_limit::LogLimit;
use super::net::machines::Machines;
use super::programs::Programs;
use super::served::Served;
use super::tftp::{self, TftpContent};
use super::timeline::recent::Recent;
use crate::boot::{Asking, IgnoreReason, is_program};
use crate::clock::unix_now;
use crate::site::Mac;
use crate::timeline::Given;
use crate::wire::dhcp::{MessageKind, SilenceReason};
use crate::wire::tftp::Ending;

/// Connections of one node. dnf of later releases may have twenty downloads.
const CONNECTIONS_OF_A_NODE: usize = 28;
/// Connections of one stranger.
const CONNECTIONS_OF_A_STRANGER: usize = 16;

/// Peers over HTTP: the addresses that are reserved for nodes, and all others.
pub(super) struct Rack {
    served: watch::Receiver<Arc<Served>>,
    health: Arc<Health>,
}

impl Rack {
    pub(super) fn of(appliance: &Appliance) -> Self {
        Self { served: appliance.served.clone(), health: appliance.health.clone() }
    }
}

impl Guests for Rack {
    fn is_node(&self, peer: IpAddr) -> bool {
        let IpAddr::V4(address) = peer else { return false };
        self.served.borrow().site.nodes.by_address(address).is_some()
    }

    fn limits(&self) -> Limits {
        let capacity = Capacity::of(self.served.borrow().site.nodes.len(), descriptors());
        Limits {
            nodes: Share { all: capacity.connections, each: CONNECTIONS_OF_A_NODE },
            strangers: Share { all: capacity.stranger_connections, each: CONNECTIONS_OF_A_STRANGER },
            ..Limits::default()
        }
    }

    fn refused(&self) {
        self.health.refused_connections.fetch_add(1, Ordering::Relaxed);
    }
}

/// What TFTP may serve. Must be called within the runtime in which scripts are made.
pub(super) fn tftp_content(appliance: &Appliance, rivals: Arc<Rivals>) -> Arc<dyn TftpContent> {
    Arc::new(Programs::new(appliance.clone(), rivals))
}

/// The sender that a line is about.
#[derive(Clone, Copy)]
enum Who {
    Node,
    Stranger,
}

/// The limits of the lines about TFTP: anybody on the link can cause one with each packet.
struct Lines {
    nodes: LogLimit<Ipv4Addr>,
    strangers: LogLimit<Ipv4Addr>,
}

impl Lines {
    /// A boot reads one to five files; more than two dozen per minute mean a node in trouble.
    fn new() -> Self {
        let minute = Duration::from_secs(60);
        Self { nodes: LogLimit::new(24, minute, 200).of_nodes(), strangers: LogLimit::new(2, minute, 10) }
    }

    fn ask(&mut self, who: Who, client: Ipv4Addr) -> Option<u64> {
        let limit = match who {
            Who::Node => &mut self.nodes,
            Who::Stranger => &mut self.strangers,
        };
        limit.ask(client, Instant::now())
    }
}

/// Logs the end of each TFTP request and records it for the timeline.
pub(super) fn tftp_observer(appliance: &Appliance) -> tftp::Observer {
    let (served, recent, health) = (appliance.served.clone(), appliance.recent.clone(), appliance.health.clone());
    let (machines, sightings) = (appliance.machines.clone(), appliance.sightings.clone());
    let lines = Mutex::new(Lines::new());
    Arc::new(move |seen| {
        health.tftp.count(&seen);
        let may_tell = |who: Who| lines.lock().expect("no holder of this lock panics").ask(who, seen.client);
        let text = format!(
            "read of `{}`: {} ({} bytes, {} ms)",
            seen.name,
            seen.outcome,
            seen.bytes,
            seen.elapsed.as_millis()
        );
        let site = &served.borrow().site;
        match site.nodes.by_address(seen.client) {
            Some(node) => {
                if let Some(held_back) = may_tell(Who::Node) {
                    let (name, boot_file) = (&node.name, &seen.name);
                    tracing::info!(node = %name, mac = %node.mac, boot_file, outcome = %seen.outcome, held_back, "tftp");
                }
                recent.note(node.mac, "tftp", text);
                gave(&recent, &machines, node.mac, &seen);
            }
            None if site.lends(seen.client) => {
                if let Some(held_back) = may_tell(Who::Stranger) {
                    let boot_file = &seen.name;
                    tracing::info!(peer = %seen.client, boot_file, outcome = %seen.outcome, held_back, "tftp of a stranger");
                }
                if let Some(mac) = recent.at(seen.client) {
                    recent.note(mac, "tftp", text);
                    if is_whole(&seen.outcome) && is_program(&seen.name) {
                        sightings.loaded(mac, &seen.name, unix_now());
                    }
                    gave(&recent, &machines, mac, &seen);
                }
            }
            None => {
                if let Some(held_back) = may_tell(Who::Stranger) {
                    tracing::warn!(peer = %seen.client, outcome = %seen.outcome, held_back, "tftp request from no node");
                }
            }
        }
    })
}

/// Whether the client has all of the file.
fn is_whole(outcome: &tftp::Outcome) -> bool {
    matches!(outcome, tftp::Outcome::Ended(Ending::Finished | Ending::Unconfirmed))
}

/// Remembers what a firmware is expected to do next: one that has its program must go on with it. One that only asked
/// for the size asks again, and so may one that was refused; the line about it says why. What loaders fetch is noted
/// where it is made.
fn gave(recent: &Recent, machines: &Machines, mac: Mac, seen: &tftp::Seen) {
    let whole = is_whole(&seen.outcome);
    if !is_program(&seen.name) {
        return;
    }
    if whole {
        machines.loaded(mac, &seen.name, Instant::now());
    }
    recent.gave(mac, whole.then(|| Given::Program(seen.name.clone())));
}

/// Records each DHCP request for the timeline; the engine has already logged it.
pub(super) fn dhcp_observer(appliance: &Appliance) -> dhcp::Observer {
    let (recent, machines) = (appliance.recent.clone(), appliance.machines.clone());
    let sightings = appliance.sightings.clone();
    let served = appliance.served.clone();
    Arc::new(move |seen| {
        if served.borrow().site.nodes.by_card(seen.mac).is_none() {
            sightings.asked(&seen, unix_now());
        }
        if let Some(uuid) = seen.machine_uuid {
            machines.tell(seen.mac, uuid, served.borrow().site.nodes.len());
        }
        let said = match &seen.outcome {
            dhcp::Outcome::Answered { kind, address, boot_file, refusal, .. } => {
                let file = boot_file.as_deref().map(|file| format!(", boot file {file}")).unwrap_or_default();
                let refusal = refusal.as_ref().map(|reason| format!(", because {reason}")).unwrap_or_default();
                format!("{kind} {address}{file}{refusal}")
            }
            dhcp::Outcome::Silent(reason) => format!("no answer: {reason}"),
            dhcp::Outcome::NotSent { error, .. } => format!("the answer could not be sent: {error}"),
        };
        let line = format!("{} from {} ({}): {said}", seen.asked, seen.asking, seen.arch);
        // The operator of the node should see that it uses a card from which it is not meant to boot.
        if let dhcp::Outcome::Silent(SilenceReason::Boot(IgnoreReason::NotTheBootNic { boot_mac, .. })) = &seen.outcome
        {
            recent.note(*boot_mac, "dhcp", &line);
        }
        recent.note(seen.mac, "dhcp", line);
        recent.gave(seen.mac, given(&seen));
        if let Some(program) = machines.refused(seen.mac).filter(|_| seen.asking == Asking::Firmware) {
            let text = refusal(&program, &seen);
            recent.note(seen.mac, "dhcp", &text);
            recent.silent(seen.mac, text);
        }
        if matches!(seen.asking, Asking::Firmware | Asking::Ipxe) {
            recent.is(seen.mac, seen.arch);
        }
        if let dhcp::Outcome::Answered { kind: MessageKind::Ack, address, .. } = seen.outcome {
            recent.addressed(seen.mac, address);
        }
    })
}

/// Why the firmware asks again, for `status` and the timeline.
fn refusal(program: &str, seen: &dhcp::Seen) -> String {
    let signed = match &seen.outcome {
        dhcp::Outcome::Answered { boot_file: Some(file), .. } => file.contains("signed/"),
        _ => false,
    };
    let next = match signed {
        true => "it now gets the signed loader of its install tree",
        false => {
            "no signed loader is known for it: docs/firmware.md says how to give it one, or switch Secure Boot off"
        }
    };
    format!("its firmware loaded {program} and did not start it, as with Secure Boot switched on: {next}")
}

/// What the machine was given with this answer, from which it should continue.
fn given(seen: &dhcp::Seen) -> Option<Given> {
    let dhcp::Outcome::Answered { kind, boot_file, .. } = &seen.outcome else { return None };
    match (kind, boot_file, seen.asking) {
        (MessageKind::Offer, ..) => Some(Given::Offer),
        (MessageKind::Ack, Some(_), Asking::Ipxe) => Some(Given::ScriptUrl),
        (MessageKind::Ack, Some(name), Asking::Firmware) => Some(Given::ProgramName(name.clone())),
        _ => None,
    }
}
