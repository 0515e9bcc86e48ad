//! HTTP on the provisioning address: the whole route table on one screen.

mod asker;
mod authority;
pub(super) mod boot;
mod errands;
mod error;
mod facts;
mod files;
mod firstboot;
mod form;
mod found;
mod head;
mod kickstart;
pub mod listen;
pub(super) mod permit;
mod piece;
mod renewal;
mod report;
mod report_rates;
mod strangers;
mod witness;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::sync::watch;

pub use error::HttpError;
pub use renewal::Renewals;
pub use report_rates::ReportRates;
pub use strangers::Strangers;

use super::health::Health;
use super::machines::Machines;
use super::neighbours::Neighbours;
use super::recent::Recent;
use super::served::Served;
use crate::site::Site;
use crate::store::Store;

/// Largest body a node may send, in bytes: a report with its 4000 bytes of detail, percent-encoded.
const BODY_LIMIT: usize = 16 * 1024;

/// Largest body of facts, in bytes: some hundred lines.
const FACTS_LIMIT: usize = 128 * 1024;

/// What the handlers share.
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
    /// The site and its renderer as they are now. Who needs both takes them in one go.
    pub fn served(&self) -> Arc<Served> {
        self.served.borrow().clone()
    }

    /// The site as it is now.
    pub fn site(&self) -> Arc<Site> {
        self.served.borrow().site.clone()
    }
}

/// A text for one machine at one moment: it may hold a token, so nobody on the way may keep it.
fn unkept(text: String) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
}

/// Everything that a node may ask over HTTP.
pub fn app(appliance: Appliance) -> Router {
    Router::new()
        .route("/boot/{mac}", get(boot::script).head(head::nothing_taken))
        .route("/kickstart/{token}", get(kickstart::kickstart).head(head::nothing_taken))
        .route("/permit/{token}", post(permit::redeem))
        .route("/facts/{token}", post(facts::facts).layer(DefaultBodyLimit::max(FACTS_LIMIT)))
        .route("/report/{token}", post(report::report))
        .route("/errands/{token}", get(errands::errands).head(head::nothing_taken))
        .route("/firstboot/{token}", get(firstboot::payload).head(head::nothing_taken))
        .route("/renewal/{token}", get(renewal::payload).head(head::nothing_taken))
        .route("/firmware/{file}", get(files::firmware))
        .route("/tree/{name}/{*path}", get(files::tree))
        .route("/repo/{name}/{*path}", get(files::repository))
        .route("/image/{name}", get(files::image))
        .fallback(files::nothing_here)
        .layer(from_fn_with_state(appliance.clone(), witness::witness))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(appliance)
}

#[cfg(test)]
mod canary_tests;
#[cfg(test)]
mod damaged_secret_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod errand_tests;
#[cfg(test)]
mod hardware_tests;
#[cfg(test)]
mod identity_tests;
#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod outside_tests;
#[cfg(test)]
mod owner_tests;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod report_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod theft_tests;
#[cfg(test)]
pub(super) use tests::{FakeNode, facts_as_planned};
