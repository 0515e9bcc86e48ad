//! What the running daemon serves to each node, as texts with a blank token: `rackstart diff` compares it with a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::http::{Appliance, HttpError};
use crate::render::{RenderError, Renderer, Texts, texts_of_node, texts_of_site};
use crate::site::Site;

/// The digest of the texts of every node; the texts of the few that differ are asked for one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDigest {
    /// What all nodes share.
    pub shared: String,
    /// By name of the node.
    pub nodes: BTreeMap<String, String>,
}

impl SiteDigest {
    /// Renders everything once.
    pub fn new(renderer: &Renderer, site: &Site) -> Result<Self, RenderError> {
        let node =
            |node: &crate::site::Node| Ok((node.name.to_string(), digest(&texts_of_node(renderer, site, node)?)));
        let nodes = site.nodes.iter().map(node).collect::<Result<_, RenderError>>()?;
        Ok(Self { shared: digest(&texts_of_site(renderer, site)?), nodes })
    }
}

fn digest(texts: &Texts) -> String {
    let mut hash = Sha256::new();
    for (name, text) in texts {
        // Lengths keep the borders: moving a letter from one text to the next is a change.
        hash.update(format!("{} {}\n", name.len(), text.len()));
        hash.update(name);
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /v1/site`.
pub(super) async fn digests(Shared(appliance): Shared<Appliance>) -> Result<Json<SiteDigest>, HttpError> {
    let (renderer, site) = (appliance.renderer.clone(), appliance.site());
    Ok(Json(off_the_road(move || SiteDigest::new(&renderer, &site)).await?))
}

/// `GET /v1/site/shared`.
pub(super) async fn shared(Shared(appliance): Shared<Appliance>) -> Result<Json<Texts>, HttpError> {
    let (renderer, site) = (appliance.renderer.clone(), appliance.site());
    Ok(Json(off_the_road(move || texts_of_site(&renderer, &site)).await?))
}

/// `GET /v1/site/node/{name}`.
pub(super) async fn node(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
) -> Result<Json<Texts>, HttpError> {
    let site: Arc<Site> = appliance.site();
    let Some(node) = site.node_by_name(&name) else {
        return Err(HttpError::not_found(format!("the running daemon knows no node called `{name}`")));
    };
    Ok(Json(texts_of_node(&appliance.renderer, &site, node)?))
}

/// Thousands of kickstarts take a second, in which packets must not wait.
async fn off_the_road<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, HttpError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(HttpError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}
