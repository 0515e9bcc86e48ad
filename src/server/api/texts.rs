//! What a node would be sent, for people: with a blank token, and `***` where a secret stands.

use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::boot::LocalDiskReason;
use crate::lifecycle::{BootToken, WipeScope};
use crate::plan;
use crate::render::{self, RenderError, Renderer};
use crate::site::{Node, Site};

const TEXTS: [&str; 4] = ["kickstart", "storage", "boot-script", "local-disk"];

/// A text of a node. Nothing is served to it, nothing is armed.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/texts/{text}", tag = "nodes",
    params(("name", description = "name of the node"),
           ("text", description = "`kickstart`, `storage`, `boot-script` or `local-disk`")),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = ErrorBody)))]
pub async fn text(
    Shared(api): Shared<Api>,
    Path((name, text)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let served = api.appliance.served();
    let node = served.site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    if !TEXTS.contains(&text.as_str()) {
        let error = format!("there is no text `{}`", text.escape_debug());
        return Err(ApiError::new(StatusCode::NOT_FOUND, error, format!("texts: {}", TEXTS.join(", "))));
    }
    let shown = render(&served.renderer, &served.site, node, &text)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], shown))
}

fn render(renderer: &Renderer, site: &Site, node: &Node, text: &str) -> Result<String, RenderError> {
    // Masked before anything is rendered, so that no encoding of a template can hide a hash from a search.
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
