//! The control API: `/api/v1`, JSON, one table of routes on two listeners. The command line uses the socket, where the
//! kernel identifies the caller; over TCP callers need a bearer token, and the listener is off unless the site file has
//! `[api]`, and never on the provisioning network.
//!
//! The handlers translate: they read the site and the store, and pass orders on. [`routes`] says who may call what.

mod body;
mod caller;
mod describe;
mod digests;
pub(crate) mod error;
mod events;
pub(crate) mod explain;
mod growth;
mod guard;
mod health;
pub mod keeper;
pub(crate) mod links;
mod listener;
pub(crate) mod logs;
mod metrics;
mod node;
pub(crate) mod orders;
pub(crate) mod outcome;
mod people;
mod plan;
pub(crate) mod power;
pub(crate) mod records;
pub mod role;
pub mod routes;
pub(crate) mod secrets;
pub(crate) mod sessions;
mod site;
pub(crate) mod socket;
pub(crate) mod strangers;
pub(crate) mod texts;
pub(crate) mod timeline;
pub(crate) mod token;
pub(crate) mod tokens;
mod web;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::appliance::Appliance;
use super::operate::reload::Reloader;
use keeper::Keeper;
use metrics::Meters;

pub(crate) use listener::bind;
pub use listener::limits;

/// Event streams of programs at the same time; each one holds a connection for as long as its client likes.
const STREAMS: usize = 32;
/// Open pages that change by themselves at the same time.
const PAGES: usize = 128;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    appliance: Appliance,
    keeper: Arc<Keeper>,
    reloader: Reloader,
    meters: Arc<Meters>,
    streams: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    design: Arc<web::Design>,
    digests: Arc<digests::Digests>,
    shutdown: CancellationToken,
}

impl Api {
    /// Assembles the API. Event streams end on `shutdown`.
    pub fn new(appliance: Appliance, keeper: Arc<Keeper>, reloader: Reloader, shutdown: CancellationToken) -> Self {
        let (streams, pages) = (Arc::new(Semaphore::new(STREAMS)), Arc::new(Semaphore::new(PAGES)));
        let (meters, design, digests) = Default::default();
        Self { appliance, keeper, reloader, meters, streams, pages, design, digests, shutdown }
    }
}

#[cfg(test)]
pub(in crate::server) mod tests;
