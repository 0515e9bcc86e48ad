//! Nodes: a list in pages, and each one.

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::view::NodeView;
use crate::clock::unix_now;

const USUAL: usize = 100;
/// A page of so many takes about a millisecond to make; nobody else is answered by its thread meanwhile.
const MOST: usize = 500;

/// Which nodes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Those after the node of this name, in the order of the site file.
    after: Option<String>,
    /// How many at most: 1 to 500, 100 when missing.
    #[param(maximum = 65535)]
    limit: Option<u16>,
    /// Those in this state.
    state: Option<String>,
    /// Those of this role.
    role: Option<String>,
}

/// Nodes in the order of the site file.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nodes<'a> {
    /// Unix seconds of the answer.
    now: u64,
    /// The nodes.
    nodes: Vec<NodeView<'a>>,
    /// The `after` of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Nodes with their states.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", params(Wanted),
    responses((status = 200, body = Nodes), (status = 404, description = "no node has the name `after`", body = ErrorBody)))]
pub async fn list(Shared(api): Shared<Api>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    let site = api.appliance.site();
    let limit = wanted.limit.map_or(USUAL, usize::from).clamp(1, MOST);
    let begin = match &wanted.after {
        None => 0,
        Some(name) => {
            let at = site.nodes.iter().position(|node| node.name.as_str() == name);
            at.ok_or_else(|| ApiError::no_such_node(name))? + 1
        }
    };
    let body = api.appliance.store.look(|memory| {
        let has_role = |role: &str| wanted.role.as_deref().is_none_or(|wanted| wanted == role);
        let views = site.nodes[begin..].iter().filter(|node| has_role(&node.role));
        let views = views.map(|node| NodeView::of(&site, node, memory.record(node.mac)));
        let mut views = views.filter(|view| wanted.state.as_deref().is_none_or(|wanted| wanted == view.state()));
        let nodes: Vec<_> = views.by_ref().take(limit).collect();
        let next = views.next().and(nodes.last()).map(NodeView::name);
        serde_json::to_vec(&Nodes { now: unix_now(), nodes, next })
    });
    json(body)
}

/// One node.
#[utoipa::path(get, path = "/api/v1/nodes/{name}", tag = "nodes", params(("name", description = "name of the node")),
    responses((status = 200, body = NodeView), (status = 404, body = ErrorBody)))]
pub async fn one(Shared(api): Shared<Api>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    json(api.appliance.store.look(|memory| serde_json::to_vec(&NodeView::of(&site, node, memory.record(node.mac)))))
}

/// An answer that was written while the store could be looked at.
fn json(body: serde_json::Result<Vec<u8>>) -> Result<Response, ApiError> {
    let body = body.map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "this is a bug of rackstart, please report it",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Bytes::from(body)).into_response())
}
