//! What a node would be sent, for people: with a blank token, and `***` in place of secrets. `rackstart diff` compares
//! it with a file.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::boot::LocalDiskReason;
use crate::hex::hex;
use crate::lifecycle::{BootToken, InstalledAs, WipeScope, read_once};
use crate::plan;
use crate::render::{self, RenderError, Renderer, Texts, texts_of_node, texts_of_site};
use crate::server::served::Served;
use crate::site::{Mac, Node, Site};

/// The texts that a person can look at.
pub(super) const TEXTS: [&str; 4] = ["kickstart", "storage", "boot-script", "local-disk"];

/// Returns a text of a node. Nothing is served to the node, and nothing is armed.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/texts/{text}", tag = "nodes",
    params(("name", description = "name of the node"),
           ("text", description = "`kickstart`, `storage`, `boot-script` or `local-disk`")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = ErrorBody)))]
pub(crate) async fn text(
    Shared(api): Shared<Api>,
    Path((name, text)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let shown = of(&api.appliance.served(), &name, &text)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], shown))
}

/// A text of a node, with secrets hidden.
pub(super) fn of(served: &Served, name: &str, text: &str) -> Result<String, ApiError> {
    let node = served.site.node_by_name(name).ok_or_else(|| ApiError::no_such_node(name))?;
    if !TEXTS.contains(&text) {
        let error = format!("there is no text `{}`", text.escape_debug());
        return Err(ApiError::new(StatusCode::NOT_FOUND, error, format!("texts: {}", TEXTS.join(", "))));
    }
    Ok(render(&served.renderer, &served.site, node, text)?)
}

fn render(renderer: &Renderer, site: &Site, node: &Node, text: &str) -> Result<String, RenderError> {
    // Masked before rendering, so that no encoding in a template can hide a hash from a search.
    let site = &site.masked();
    let token = BootToken::from_random([0; 16]);
    match text {
        "boot-script" => renderer.boot_script_install(site, node, &token),
        "local-disk" => renderer.boot_script_local_disk(node, &LocalDiskReason::Ready.to_string()),
        "kickstart" => renderer.kickstart(site, node, &token),
        _ => {
            let plan = plan::plan(node).map_err(|error| RenderError::new("the plan", error.into()))?;
            let disks = render::example_disks(node, &plan);
            renderer.storage_section(node, &plan, &disks, WipeScope::BlankDiskOnly)
        }
    }
}

/// Digests of the texts of every node; only the texts of nodes that differ are then requested one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteDigest {
    /// Digest of the texts that all nodes share.
    pub shared: String,
    /// Digest of each node's texts, by name of the node.
    pub nodes: BTreeMap<String, String>,
    /// The keys of the site file that are read only at the start, with their values in words.
    #[serde(default)]
    pub read_once: BTreeMap<String, String>,
    /// What the nodes were installed as, by MAC; empty for a site file.
    #[serde(default)]
    pub installed: BTreeMap<Mac, InstalledAs>,
}

impl SiteDigest {
    /// Renders everything once.
    pub(crate) fn new(renderer: &Renderer, site: &Site) -> Result<Self, RenderError> {
        let site = &site.masked();
        let node =
            |node: &crate::site::Node| Ok((node.name.to_string(), digest(&texts_of_node(renderer, site, node)?)));
        let nodes = site.nodes.iter().map(node).collect::<Result<_, RenderError>>()?;
        let read_once = read_once(site).into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        let shared = digest(&texts_of_site(renderer, site)?);
        Ok(Self { shared, nodes, read_once, installed: BTreeMap::new() })
    }
}

fn digest(texts: &Texts) -> String {
    let mut hash = Sha256::new();
    for (name, text) in texts {
        // The lengths mark the boundaries: moving a letter from one text to the next changes the digest.
        hash.update(format!("{} {}\n", name.len(), text.len()));
        hash.update(name);
        hash.update(text);
    }
    hex(&hash.finalize())
}

/// Returns the digests of what every node would be sent, and the keys that are read only at the start.
#[utoipa::path(get, path = "/api/v1/texts", tag = "nodes", responses((status = 200, body = Object)))]
pub(crate) async fn digests(Shared(api): Shared<Api>) -> Result<Json<SiteDigest>, ApiError> {
    let served = api.appliance.served();
    let installed = api.appliance.store.look(|draft| {
        let known = draft.records().filter_map(|(mac, record)| Some((mac, record.installed_as.as_deref()?.clone())));
        known.collect()
    });
    let digest = api.digests.of(&served.proven()).wait().await?;
    Ok(Json(SiteDigest { installed, ..(*digest).clone() }))
}

/// Returns the texts that all nodes share, by name.
#[utoipa::path(get, path = "/api/v1/texts/shared", tag = "nodes", responses((status = 200, body = Object)))]
pub(crate) async fn shared(Shared(api): Shared<Api>) -> Result<Json<Texts>, ApiError> {
    let served = api.appliance.served();
    Ok(Json(blocking(move || texts_of_site(&served.renderer, &served.site)).await?))
}

/// Returns everything that a node would be sent, by name of the text.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/texts", tag = "nodes", params(("name", description = "name of the node")),
    responses((status = 200, body = Object), (status = 404, body = ErrorBody)))]
pub(crate) async fn of_node(Shared(api): Shared<Api>, Path(name): Path<String>) -> Result<Json<Texts>, ApiError> {
    let served = api.appliance.served();
    let node = served.site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    Ok(Json(texts_of_node(&served.renderer, &served.site.masked(), node)?))
}

/// Rendering thousands of kickstarts takes a second, and packets must not wait for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), "look at the daemon's log"))
        }
    }
}
