//! The admin API on a Unix socket, for the CLI. Only who may open the socket (mode 0600) can ask.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::http::permit::keepable;
use super::http::{Appliance, HttpError};
use super::random;
use super::served::RefusedReload;
use crate::boot::{Asking, BootDecision, BootRequest, ClientArch, decide};
use crate::lifecycle::{Event, State, StepProgress, WipeScope};
use crate::plan;
use crate::site::{Mac, Node};
use crate::store::{Change, Record};
use crate::timeline::Moment;

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
}

/// One node as people see it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Host name.
    pub name: String,
    /// Role.
    pub role: String,
    /// MAC of the boot NIC.
    pub mac: Mac,
    /// Reserved address.
    pub address: String,
    /// The disk rule that the running daemon goes by, in words.
    pub disk: String,
    /// The volume groups that `reimage --keep` would keep.
    #[serde(default)]
    pub keep: Vec<String>,
    /// `new`, `armed`, `installing`, `firstboot`, `ready` or `failed`.
    pub state: String,
    /// Public id of the attempt.
    pub attempt: Option<String>,
    /// What an unspent wipe permit allows, in words; none when there is no such permit.
    #[serde(default)]
    pub permit: Option<String>,
    /// Latest moment of the current attempt, for example `kickstart`.
    pub stage: Option<String>,
    /// The step it is at.
    pub step: Option<StepProgress>,
    /// The condition it waits for.
    pub waiting: Option<String>,
    /// Why it failed, or its last words.
    pub detail: Option<String>,
    /// Since when it is in this state.
    pub since: u64,
    /// When it was last heard of.
    pub updated: u64,
    /// First time of each moment of the attempt.
    pub timings: std::collections::BTreeMap<String, u64>,
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
    /// Who would ask, and what the answer would be.
    pub answers: Vec<(String, String)>,
    /// The end of its timeline, oldest first.
    pub timeline: Vec<Moment>,
}

/// The routes of the admin API.
pub fn app(appliance: Appliance) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/site", get(super::texts::digests))
        .route("/v1/site/shared", get(super::texts::shared))
        .route("/v1/site/node/{name}", get(super::texts::node))
        .route("/v1/explain/{mac}", get(explain))
        .route("/v1/timeline/{mac}", get(super::story::timeline))
        .route("/v1/arm/{node}/{scope}", post(arm))
        .route("/v1/disarm/{node}", post(disarm))
        .fallback(|| async {
            HttpError::not_found("the admin API has no such route; is this rackstart older than its CLI?")
        })
        .with_state(appliance)
}

async fn status(Shared(appliance): Shared<Appliance>) -> Json<StatusReport> {
    let served = appliance.served();
    let nodes = served.site.nodes.iter().map(|node| node_status(node, appliance.store.record(node.mac))).collect();
    let (site, since, refused) = (served.site.name.clone(), served.since, served.refused.clone());
    Json(StatusReport { site, now: super::unix_now(), since, refused, nodes })
}

fn node_status(node: &Node, record: Option<Record>) -> NodeStatus {
    let record = record.unwrap_or_else(|| Record::new(0));
    let progress = record.progress;
    let stage = progress.marks.iter().max_by_key(|(_, at)| **at).map(|(mark, _)| mark.clone());
    let in_firstboot = !matches!(record.state, State::New | State::Armed { .. } | State::Installing { .. });
    let detail = match &record.state {
        State::Failed { reason, .. } => Some(reason.clone()),
        _ => progress.detail,
    };
    NodeStatus {
        name: node.name.to_string(),
        role: node.role.clone(),
        mac: node.mac,
        address: node.address.to_string(),
        disk: node.disks.iter().map(|disk| disk.rule.to_string()).collect::<Vec<_>>().join("; "),
        keep: node.keep.clone(),
        state: record.state.word().into(),
        attempt: record.state.attempt().map(|attempt| attempt.id.to_string()),
        permit: match &record.state {
            State::Armed { attempt, .. } => Some(attempt.scope.to_string()),
            _ => None,
        },
        stage,
        step: progress.step.filter(|_| in_firstboot),
        waiting: progress.waiting,
        detail,
        since: record.since,
        updated: record.updated,
        timings: progress.marks,
    }
}

async fn explain(
    Shared(appliance): Shared<Appliance>,
    Path(mac): Path<String>,
) -> Result<Json<Explanation>, HttpError> {
    let mac: Mac = mac.parse().map_err(|error| HttpError::new(StatusCode::BAD_REQUEST, format!("{error}")))?;
    let site = appliance.site();
    let node = site.node_by_mac(mac);
    let state = appliance.store.record(mac).map(|record| record.state);
    let firmware = node.map_or(ClientArch::Bios, |node| ClientArch::of(node.firmware));
    let installs = match &state {
        Some(State::Armed { attempt, .. }) => format!("the installer, which {}", attempt.scope),
        _ => String::new(),
    };
    let ask = |asking| decide(&site, state.as_ref(), &BootRequest { mac, arch: firmware, asking });
    let askers = [Asking::Firmware, Asking::Ipxe, Asking::Script, Asking::System];
    Ok(Json(Explanation {
        mac,
        node: node.map(|node| node.name.to_string()),
        state: node.and(state.as_ref()).map(|state| state.word().to_string()),
        answers: askers.map(|asking| (asking.to_string(), in_words(&ask(asking), &installs))).to_vec(),
        timeline: super::story::newest(&appliance, mac).await.moments,
    }))
}

fn in_words(decision: &BootDecision, installs: &str) -> String {
    match decision {
        BootDecision::Ignore(reason) => format!("no answer: {reason}"),
        BootDecision::AddressOnly => "its address, nothing to boot".into(),
        BootDecision::ChainloadTftp(program) => format!("its address and `{}` by TFTP", program.file_name()),
        BootDecision::ChainloadHttp(_, url) => format!("its address and {url}"),
        BootDecision::Script(url) => format!("its address and the boot script {url}"),
        BootDecision::Install => installs.into(),
        BootDecision::LocalDisk(reason) => format!("the local disk, because {reason}"),
        BootDecision::Unknown => "a screen with its MAC and what to do, then its next boot device".into(),
    }
}

/// Arms a node. For `destroy-data` the CLI has asked for the node's name already.
async fn arm(
    Shared(appliance): Shared<Appliance>,
    Path((name, scope)): Path<(String, String)>,
) -> Result<Json<NodeStatus>, HttpError> {
    let scope = match scope.as_str() {
        "blank-disk-only" => WipeScope::BlankDiskOnly,
        "destroy-data" => WipeScope::DestroyData,
        "keep-volume-groups" => {
            can_keep(&appliance, &name).map_err(|reason| HttpError::new(StatusCode::CONFLICT, reason))?;
            WipeScope::KeepVolumeGroups
        }
        _ => {
            let reason = "arm for `blank-disk-only`, `destroy-data` or `keep-volume-groups`";
            return Err(HttpError::new(StatusCode::BAD_REQUEST, reason));
        }
    };
    let status = order(&appliance, &name, Event::Armed { id: random::attempt_id(), scope }).await?;
    tracing::warn!(node = name, ?scope, "armed by an operator: its next network boot installs it");
    Ok(Json(status))
}

/// Whether what the site file keeps was recorded, and lies where the plan of today expects it.
fn can_keep(appliance: &Appliance, name: &str) -> Result<(), String> {
    let site = appliance.site();
    let node = site.node_by_name(name).ok_or_else(|| format!("the running daemon knows no node called `{name}`"))?;
    let record = appliance.store.record(node.mac);
    let installed = record.and_then(|record| record.installed);
    let installed = installed.ok_or_else(|| format!("it was never recorded what is on the disks of {name}"))?;
    let plan = plan::keep(node, &installed.promise.plan, &node.keep);
    let plan = plan.map_err(|error| format!("{error}; {}", error.help()))?;
    keepable(&installed, &plan, &node.keep).map(drop)
}

/// Takes an unspent wipe permit back.
async fn disarm(Shared(appliance): Shared<Appliance>, Path(name): Path<String>) -> Result<Json<NodeStatus>, HttpError> {
    let status = order(&appliance, &name, Event::Disarmed).await?;
    tracing::warn!(node = name, state = status.state, "disarmed by an operator");
    Ok(Json(status))
}

async fn order(appliance: &Appliance, name: &str, event: Event) -> Result<NodeStatus, HttpError> {
    let site: Arc<_> = appliance.site();
    let Some(node) = site.node_by_name(name) else {
        return Err(HttpError::not_found(format!("the running daemon knows no node called `{name}`")));
    };
    let record = appliance.store.change(node.mac, Change::Event { event, mark: None }).await?;
    Ok(node_status(node, Some(record)))
}
