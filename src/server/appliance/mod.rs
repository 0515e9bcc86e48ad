//! What every listener shares: the current site, the store, and what is remembered outside the store.

mod renewals;
mod report_rates;
mod strangers;
mod turns;

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::watch;

pub(in crate::server) use renewals::Digests;
pub use renewals::Renewals;
pub use report_rates::ReportRates;
pub use strangers::Strangers;
pub use turns::Turns;

use super::bmc::Bmcs;
use super::dhcp;
use super::health::Health;
use super::net::machines::Machines;
use super::net::neighbours::Neighbours;
use super::served::Served;
use super::timeline::recent::Recent;
use super::timeline::sightings::Sightings;
use crate::boot::{Asking, IgnoreReason};
use crate::clock::unix_now;
use crate::site::{Mac, Site};
use crate::store::Store;
use crate::wire::dhcp::{MessageKind, SilenceReason};

/// The state that every listener works with.
#[derive(Clone)]
pub struct Appliance {
    /// The current site with its renderer; a reload swaps them together.
    pub served: watch::Receiver<Arc<Served>>,
    /// The durable memory.
    pub store: Store,
    /// What was observed lately.
    pub recent: Arc<Recent>,
    /// Limits the log lines that strangers can cause.
    pub strangers: Arc<Strangers>,
    /// Limits the number of reports of each node.
    pub reports: Arc<ReportRates>,
    /// Finds the card behind an address.
    pub neighbours: Arc<dyn Neighbours>,
    /// The UUIDs that machines sent by DHCP.
    pub machines: Arc<Machines>,
    /// Machines that are in no site file.
    pub sightings: Arc<Sightings>,
    /// The daemon's counters and alarms.
    pub health: Arc<Health>,
    /// Which payload each node has.
    pub renewals: Arc<Renewals>,
    /// Boot scripts of one machine, one after the other.
    pub turns: Arc<Turns>,
    /// Conversations with BMCs.
    pub bmcs: Arc<Bmcs>,
}

impl Appliance {
    /// An appliance that has observed and counted nothing yet.
    pub fn new(served: watch::Receiver<Arc<Served>>, store: Store, neighbours: Arc<dyn Neighbours>) -> Self {
        Self {
            served,
            store,
            neighbours,
            recent: Arc::default(),
            strangers: Arc::default(),
            reports: Arc::default(),
            machines: Arc::default(),
            sightings: Arc::default(),
            health: Arc::default(),
            renewals: Arc::default(),
            turns: Arc::default(),
            bmcs: Arc::default(),
        }
    }

    /// The current site with its renderer. Callers that need both must take them together.
    pub fn served(&self) -> Arc<Served> {
        self.served.borrow().clone()
    }

    /// Notes that a machine asked by DHCP for something to boot and was not answered, as the engine notes it.
    pub fn heard(&self, mac: Mac, arch: u16) {
        let (asked, asking) = (MessageKind::Discover, Asking::Firmware);
        let outcome = dhcp::Outcome::Silent(SilenceReason::Boot(IgnoreReason::UnknownMac(mac)));
        let (arch, machine_uuid, vendor_class, relay) = (arch.into(), None, None, None);
        let seen = dhcp::Seen { mac, asked, asking, arch, machine_uuid, vendor_class, relay, outcome };
        self.sightings.asked(&seen, unix_now());
    }

    /// The machine that an address is reserved for or lent to.
    pub(in crate::server) fn machine_at(&self, site: &Site, address: Ipv4Addr) -> Option<Mac> {
        let node = site.nodes.by_address(address).map(|node| node.mac);
        node.or_else(|| self.recent.at(address))
    }

    /// The current site.
    pub(crate) fn site(&self) -> Arc<Site> {
        self.served.borrow().site.clone()
    }
}
