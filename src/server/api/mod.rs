//! The remote API: `/api/v1`, JSON, bearer tokens. Off unless the site file has `[api]`; never where nodes are.
//!
//! The handlers translate: they read the site and the store, and pass orders on. Who may ask what is in [`routes`].

pub mod console;
mod describe;
pub mod error;
mod events;
mod guard;
mod health;
pub mod keeper;
mod listener;
mod metrics;
mod node;
mod orders;
pub mod outcome;
mod people;
mod plan;
pub mod role;
pub mod routes;
mod texts;
mod timeline;
pub mod token;
mod view;
mod whole;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::appliance::Appliance;
use keeper::Keeper;
use metrics::Meters;

pub use listener::{bind, limits};

/// Event streams at the same time; each one holds a connection for as long as it likes.
const STREAMS: usize = 32;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    appliance: Appliance,
    keeper: Arc<Keeper>,
    meters: Arc<Meters>,
    streams: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Api {
    /// Puts it together. Event streams end on `shutdown`.
    pub fn new(appliance: Appliance, keeper: Arc<Keeper>, shutdown: CancellationToken) -> Self {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Self { appliance, keeper, meters: Arc::default(), streams, shutdown }
    }
}

#[cfg(test)]
pub(in crate::server) mod tests;
