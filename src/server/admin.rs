//! The admin API on a Unix socket, for the CLI. Only who may open the socket (mode 0600) can ask.

mod orders;
pub(super) mod reload;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::alarms::Alarm;
use super::answer::HttpError;
use super::appliance::Appliance;
pub use super::operate::{Armed, DrainStatus, Loss, NodeStatus, Rehearsal, status as node_status};
use super::served::RefusedReload;
use crate::boot::{Asking, BootDecision, BootRequest, ClientArch, decide};
use crate::clock::unix_now;
use crate::lifecycle::{State, Stopped};
use crate::site::{Mac, Node};
use crate::timeline::Moment;
pub use orders::{ReasonBody, ReimageBody, StopAnswer};

/// All nodes as `status` and `watch` show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Name of the site.
    pub site: String,
    /// Unix seconds of the answer.
    pub now: u64,
    /// Since when this site is served: the start, or the newest reload that was not refused.
    #[serde(default)]
    pub since: u64,
    /// The newest reload, when it was refused: the nodes below are then not what the site file says.
    #[serde(default)]
    pub refused: Option<RefusedReload>,
    /// In the order of the site file.
    pub nodes: Vec<NodeStatus>,
    /// Set while all installations are stopped.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// What a person should look at now.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
}

/// What would be answered now, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The MAC that was asked about.
    pub mac: Mac,
    /// Name of its node, if it has one.
    pub node: Option<String>,
    /// Its state.
    pub state: Option<String>,
    /// `protected`, `maintenance`, both or none.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Why it is suspect.
    #[serde(default)]
    pub suspicion: Option<String>,
    /// The UUID and the serial number that it showed first.
    #[serde(default)]
    pub machine: Option<String>,
    /// Those of another machine that booted as this node.
    #[serde(default)]
    pub other_machine: Option<String>,
    /// Set while all installations are stopped.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// Who would ask, and what the answer would be.
    pub answers: Vec<(String, String)>,
    /// The end of its timeline, oldest first.
    pub timeline: Vec<Moment>,
}

/// The routes of the admin API.
pub fn app(appliance: Appliance) -> Router {
    Router::new()
        .merge(records())
        .route("/v1/site", get(super::texts::digests))
        .route("/v1/site/shared", get(super::texts::shared))
        .route("/v1/site/node/{name}", get(super::texts::node))
        .route("/v1/explain/{mac}", get(explain))
        .merge(orders::routes())
        .fallback(|| async {
            HttpError::not_found("the admin API has no such route; is this rackstart older than its CLI?")
        })
        .with_state(appliance)
}

/// What can be read and ordered whether a daemon runs or not.
fn records() -> Router<Appliance> {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/timeline/{mac}", get(super::story::timeline))
        .route("/v1/log/{node}", get(super::logs::log))
        .merge(super::vault::routes())
}

/// The routes of a store that no daemon uses.
pub(super) fn at_rest() -> Router<Appliance> {
    records().merge(orders::stops()).fallback(|| async { HttpError::not_found("this needs the daemon") })
}

async fn status(Shared(appliance): Shared<Appliance>) -> Json<StatusReport> {
    let served = appliance.served();
    let status = |node: &Node| NodeStatus {
        silence: appliance.recent.silence(node.mac),
        out_of_reach: appliance.renewals.out_of_reach(node.mac),
        ..node_status(&served.site, node, appliance.store.record(node.mac))
    };
    let nodes = served.site.nodes.iter().map(status).collect();
    let (site, since, refused) = (served.site.name.clone(), served.since, served.refused.clone());
    let (stopped, alarms) = (appliance.store.stopped(), appliance.health.alarms.ringing());
    Json(StatusReport { site, now: unix_now(), since, refused, nodes, stopped, alarms })
}

async fn explain(
    Shared(appliance): Shared<Appliance>,
    Path(mac): Path<String>,
) -> Result<Json<Explanation>, HttpError> {
    let mac: Mac = mac.parse().map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, format!("{error}")))?;
    let site = appliance.site();
    let node = site.node_by_mac(mac);
    let record = appliance.store.record(mac).filter(|_| node.is_some());
    let flags = record.as_ref().map(|record| record.flags).unwrap_or_default();
    let hardware = record.as_ref().map(|record| record.hardware.clone()).unwrap_or_default();
    let state = record.map(|record| record.state);
    // A stranger is what it said last.
    let stranger = || appliance.recent.arch(mac).unwrap_or(ClientArch::Bios);
    let firmware = node.map_or_else(stranger, |node| ClientArch::of(node.firmware));
    let installs = match &state {
        Some(State::Armed { attempt, .. }) => format!("the installer, which {}", attempt.scope),
        _ => String::new(),
    };
    let ask = |asking| decide(&site, state.as_ref(), &BootRequest { mac, arch: firmware, asking });
    let askers = [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System];
    Ok(Json(Explanation {
        mac,
        node: node.map(|node| node.name.to_string()),
        state: state.as_ref().map(|state| state.word().to_string()),
        flags: flags.words().into_iter().map(String::from).collect(),
        suspicion: match &state {
            Some(State::Suspect { why, .. }) => Some(why.clone()),
            _ => None,
        },
        machine: Some(hardware.pinned.to_string()).filter(|machine| machine != "nothing"),
        other_machine: hardware.other.map(|shown| shown.to_string()),
        stopped: appliance.store.stopped(),
        answers: askers.map(|asking| (asking.to_string(), in_words(&ask(asking), &installs))).to_vec(),
        timeline: super::story::newest(&appliance, mac).await?.moments,
    }))
}

fn in_words(decision: &BootDecision, installs: &str) -> String {
    match decision {
        BootDecision::Ignore(reason) => format!("no answer: {reason}"),
        BootDecision::AddressOnly => "its address, nothing to boot".into(),
        BootDecision::ChainloadTftp(program) => format!("its address and `{}` by TFTP", program.file_name()),
        BootDecision::ChainloadHttp(_, url) => format!("its address and {}", without_query(url)),
        BootDecision::Script(url) => format!("its address and the boot script {}", without_query(url)),
        BootDecision::Install => installs.into(),
        BootDecision::LocalDisk(reason) => format!("the local disk, because {reason}"),
        BootDecision::Unknown => "a screen with its MAC and what to do, then its next boot device".into(),
    }
}

/// What iPXE has to fill in says nothing to people.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
