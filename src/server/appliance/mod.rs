//! What every listener shares: the site of the moment, the store, and what is remembered without it.

mod renewals;
mod report_rates;
mod strangers;

use std::sync::Arc;

use tokio::sync::watch;

pub(in crate::server) use renewals::Digests;
pub use renewals::Renewals;
pub use report_rates::ReportRates;
pub use strangers::Strangers;

use super::health::Health;
use super::net::machines::Machines;
use super::net::neighbours::Neighbours;
use super::served::Served;
use super::timeline::recent::Recent;
use crate::site::Site;
use crate::store::Store;

/// What every listener shares.
#[derive(Clone)]
pub struct Appliance {
    /// The site and its renderer as they are now; a reload swaps them together.
    pub served: watch::Receiver<Arc<Served>>,
    /// What is remembered.
    pub store: Store,
    /// What was seen lately.
    pub recent: Arc<Recent>,
    /// Keeps warnings about strangers to a few lines.
    pub strangers: Arc<Strangers>,
    /// Keeps the reports of one node to a number.
    pub reports: Arc<ReportRates>,
    /// Knows whose card has an address.
    pub neighbours: Arc<dyn Neighbours>,
    /// What machines told of themselves by DHCP.
    pub machines: Arc<Machines>,
    /// What the daemon knows of itself.
    pub health: Arc<Health>,
    /// Which payload each node has.
    pub renewals: Arc<Renewals>,
}

impl Appliance {
    /// An appliance that has seen and counted nothing yet.
    pub fn new(served: watch::Receiver<Arc<Served>>, store: Store, neighbours: Arc<dyn Neighbours>) -> Self {
        Self {
            served,
            store,
            neighbours,
            recent: Arc::default(),
            strangers: Arc::default(),
            reports: Arc::default(),
            machines: Arc::default(),
            health: Arc::default(),
            renewals: Arc::default(),
        }
    }

    /// The site and its renderer as they are now. Callers that need both must take them together.
    pub fn served(&self) -> Arc<Served> {
        self.served.borrow().clone()
    }

    /// The site as it is now.
    pub(crate) fn site(&self) -> Arc<Site> {
        self.served.borrow().site.clone()
    }
}
