//! The list of nodes, in pages, and single nodes.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::clock::unix_now;
use crate::server::operate::{NodeStatus, status};

const USUAL: usize = 100;
/// A page of this size takes about a millisecond to build, during which its thread answers nothing else.
const MAX_NODES: usize = 500;

/// Which nodes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NodesParams {
    /// Only nodes after the one with this name, in the order of the site file.
    after: Option<String>,
    /// The largest number of nodes in the answer: 1 to 500, 100 when missing.
    #[param(maximum = 65535)]
    limit: Option<u16>,
    /// Only nodes in this state.
    state: Option<String>,
    /// Only nodes of this role.
    role: Option<String>,
}

/// A page of nodes in the order of the site file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nodes {
    /// Unix seconds of the answer.
    now: u64,
    /// The nodes.
    nodes: Vec<NodeStatus>,
    /// The `after` of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists nodes with their states.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", params(NodesParams),
    responses((status = 200, body = Nodes), (status = 404, description = "no node has the name `after`", body = ErrorBody)))]
pub(crate) async fn list(Shared(api): Shared<Api>, Query(wanted): Query<NodesParams>) -> Result<Json<Nodes>, ApiError> {
    let site = api.appliance.site();
    let limit = wanted.limit.map_or(USUAL, usize::from).clamp(1, MAX_NODES);
    let begin = match &wanted.after {
        None => 0,
        Some(name) => {
            let at = site.nodes.iter().position(|node| node.name.as_str() == name);
            at.ok_or_else(|| ApiError::no_such_node(name))? + 1
        }
    };
    let (nodes, next) = api.appliance.store.look(|memory| {
        let word = |mac| memory.record(mac).map_or("new", |record| record.state.word());
        let mut wanted = site.nodes[begin..].iter().filter(|node| {
            wanted.role.as_ref().is_none_or(|role| *role == node.role)
                && wanted.state.as_deref().is_none_or(|state| state == word(node.mac))
        });
        let page: Vec<_> =
            wanted.by_ref().take(limit).map(|node| status(&site, node, memory.record(node.mac))).collect();
        (page, wanted.next().is_some())
    });
    let next = nodes.last().filter(|_| next).map(|node| node.name.clone());
    let nodes = nodes.into_iter().map(|node| api.appliance.as_seen(node)).collect();
    Ok(Json(Nodes { now: unix_now(), nodes, next }))
}

/// Returns one node.
#[utoipa::path(get, path = "/api/v1/nodes/{name}", tag = "nodes", params(("name", description = "name of the node")),
    responses((status = 200, body = NodeStatus), (status = 404, body = ErrorBody)))]
pub(crate) async fn one(Shared(api): Shared<Api>, Path(name): Path<String>) -> Result<Json<NodeStatus>, ApiError> {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    let seen = api.appliance.store.look(|memory| status(&site, node, memory.record(node.mac)));
    Ok(Json(api.appliance.as_seen(seen)))
}
