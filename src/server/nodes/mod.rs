//! HTTP on the provisioning address: the whole route table on one screen.

mod asker;
mod authority;
pub(super) mod boot;
mod disk_report;
mod errands;
mod facts;
mod files;
mod firstboot;
mod form;
mod head;
mod kickstart;
pub(super) mod permit;
mod piece;
mod renewal;
mod report;
mod report_rates;
mod witness;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::answer::{HttpError, RefusalReason, unkept};
use super::appliance::Appliance;
use super::net::listen;

/// Largest body that a node may send, in bytes: a report with its 4000 bytes of detail, percent-encoded.
const BODY_LIMIT: usize = 16 * 1024;

/// Largest body of facts, in bytes: some hundred lines.
const FACTS_LIMIT: usize = listen::MAX_BODY_BYTES;

/// All routes for nodes.
pub(crate) fn app(appliance: Appliance) -> Router {
    Router::new()
        .route("/boot/{mac}", get(boot::script).head(head::nothing_taken))
        .route("/boot/{mac}/grub/{uuid}", get(boot::grub_script).head(head::nothing_taken))
        .route("/kickstart/{token}", get(kickstart::kickstart).head(head::nothing_taken))
        .route("/permit/{token}", post(permit::redeem))
        .route("/facts/{token}", post(facts::facts).layer(DefaultBodyLimit::max(FACTS_LIMIT)))
        .route("/report/{token}", post(report::report))
        .route("/errands/{token}", get(errands::errands).head(head::nothing_taken))
        .route("/firstboot/{token}", get(firstboot::payload).head(head::nothing_taken))
        .route("/renewal/{token}", get(renewal::payload).head(head::nothing_taken))
        .route("/firmware/{*name}", get(files::firmware))
        .route("/grub/grub.cfg", get(files::grub_start))
        .route("/EFI/BOOT/{name}", get(files::grub_start))
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
mod download_tests;
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
