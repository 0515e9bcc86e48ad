//! The site as a whole: its main settings, and how many nodes are in which state.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::clock::unix_now;
use crate::lifecycle::Stopped;
use crate::server::operate::StatusReport;

/// The site that the running daemon serves.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteView {
    /// Name of the site.
    name: String,
    /// The cloud design.
    blueprint: String,
    /// `hardened` or `paper`.
    security: String,
    /// Time zone of the nodes.
    timezone: String,
    /// The provisioning interface.
    interface: String,
    /// The daemon's address on it.
    address: String,
    /// The provisioning network.
    subnet: String,
    /// The names of the install trees.
    install_trees: Vec<String>,
    /// How many nodes there are.
    nodes: usize,
    /// Since when this site is served, in Unix seconds.
    since: u64,
    /// Why the last reload was refused; the site file then differs from the served site.
    reload_refused: Option<String>,
}

/// Returns the site that the running daemon serves.
#[utoipa::path(get, path = "/api/v1/site", tag = "site", responses((status = 200, body = SiteView)))]
pub(crate) async fn site(Shared(api): Shared<Api>) -> Json<SiteView> {
    let served = api.appliance.served();
    let site = &served.site;
    Json(SiteView {
        name: site.name.clone(),
        blueprint: site.blueprint.name.clone(),
        security: site.security.to_string(),
        timezone: site.timezone.clone(),
        interface: site.server.interface.clone(),
        address: site.server.address.to_string(),
        subnet: site.network.subnet.to_string(),
        install_trees: site.install_trees.iter().map(|tree| tree.name.clone()).collect(),
        nodes: site.nodes.len(),
        since: served.since,
        reload_refused: served.refused.as_ref().map(|refused| refused.why.clone()),
    })
}

/// How many nodes are in which state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct States {
    /// Unix seconds of the answer.
    now: u64,
    /// The number of all nodes.
    nodes: usize,
    /// Number of nodes by the name of the state; states without a node are missing.
    states: BTreeMap<String, usize>,
    /// Set while all installations are stopped.
    stopped: Option<Stopped>,
}

/// Says how many nodes are in which state.
#[utoipa::path(get, path = "/api/v1/states", tag = "site", responses((status = 200, body = States)))]
pub(crate) async fn states(Shared(api): Shared<Api>) -> Json<States> {
    let states = counts(&api).into_iter().map(|(word, count)| (word.to_string(), count)).collect();
    let stopped = api.appliance.store.stopped();
    Json(States { now: unix_now(), nodes: api.appliance.site().nodes.len(), states, stopped })
}

/// Returns all nodes at once, and what a person should know about the site: what `rackstart status` shows.
#[utoipa::path(get, path = "/api/v1/status", tag = "site", responses((status = 200, body = StatusReport)))]
pub(crate) async fn status(Shared(api): Shared<Api>) -> Json<StatusReport> {
    Json(api.appliance.status())
}

/// The number of nodes in each state that occurs.
pub(super) fn counts(api: &Api) -> BTreeMap<&'static str, usize> {
    let site = api.appliance.site();
    let mut counts = BTreeMap::new();
    api.appliance.store.look(|memory| {
        for node in &site.nodes {
            let word = memory.record(node.mac).map_or("new", |record| record.state.word());
            *counts.entry(word).or_default() += 1;
        }
    });
    counts
}
