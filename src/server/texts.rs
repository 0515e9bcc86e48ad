//! What the running daemon serves to each node, as texts with a blank token: `rackstart diff` compares it with a file.

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::answer::HttpError;
use super::appliance::Appliance;
use crate::lifecycle::{InstalledAs, read_once};
use crate::render::{RenderError, Renderer, Texts, texts_of_node, texts_of_site};
use crate::site::{Mac, Site};

/// The digest of the texts of every node; the texts of the few that differ are asked for one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDigest {
    /// What all nodes share.
    pub shared: String,
    /// By name of the node.
    pub nodes: BTreeMap<String, String>,
    /// The keys of the site file that are read once, and their values in words.
    #[serde(default)]
    pub read_once: BTreeMap<String, String>,
    /// What the nodes were installed as, by MAC; empty for a file.
    #[serde(default)]
    pub installed: BTreeMap<Mac, InstalledAs>,
}

impl SiteDigest {
    /// Renders everything once.
    pub fn new(renderer: &Renderer, site: &Site) -> Result<Self, RenderError> {
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
        // Lengths keep the borders: moving a letter from one text to the next is a change.
        hash.update(format!("{} {}\n", name.len(), text.len()));
        hash.update(name);
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /v1/site`.
pub(super) async fn digests(Shared(appliance): Shared<Appliance>) -> Result<Json<SiteDigest>, HttpError> {
    let served = appliance.served();
    let installed = appliance.store.look(|draft| {
        let known = draft.records().filter_map(|(mac, record)| Some((mac, record.installed_as.as_deref()?.clone())));
        known.collect()
    });
    let digest = off_the_road(move || SiteDigest::new(&served.renderer, &served.site)).await?;
    Ok(Json(SiteDigest { installed, ..digest }))
}

/// `GET /v1/site/shared`.
pub(super) async fn shared(Shared(appliance): Shared<Appliance>) -> Result<Json<Texts>, HttpError> {
    let served = appliance.served();
    Ok(Json(off_the_road(move || texts_of_site(&served.renderer, &served.site)).await?))
}

/// `GET /v1/site/node/{name}`.
pub(super) async fn node(
    Shared(appliance): Shared<Appliance>,
    Path(name): Path<String>,
) -> Result<Json<Texts>, HttpError> {
    let served = appliance.served();
    let site = &served.site;
    let Some(node) = site.node_by_name(&name) else {
        return Err(HttpError::not_found(format!("the running daemon knows no node called `{name}`")));
    };
    Ok(Json(texts_of_node(&served.renderer, &site.masked(), node)?))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tokio::sync::watch;
    use tower::ServiceExt;

    use super::super::served::Served;

    use super::*;
    use crate::site::testing::paper_site;
    use crate::store::Store;

    #[tokio::test]
    async fn the_daemon_tells_what_it_serves_and_a_change_of_one_node_changes_its_digest_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _task) = Store::open(&folder.path().join("store")).await.unwrap();
        let both = Arc::new(Served::new(paper_site(), Renderer::new().unwrap(), 0));
        let renderer = both.renderer.clone();
        let (_sender, served) = watch::channel(both);
        let appliance = Appliance::new(served, store, crate::server::net::neighbours::Arp::on("lo"));
        let get = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = super::super::admin::app(appliance.clone()).oneshot(request).await.unwrap();
            assert!(response.status().is_success(), "{path}: {}", response.status());
            response.into_body().collect().await.unwrap().to_bytes()
        };
        let served: SiteDigest = serde_json::from_slice(&get("/v1/site").await).unwrap();
        let mut edited = paper_site();
        edited.nodes[2].kernel_args = "quiet".into();
        let after = SiteDigest::new(&renderer, &edited).unwrap();
        let changed: Vec<&String> =
            served.nodes.keys().filter(|name| served.nodes[*name] != after.nodes[*name]).collect();
        assert_eq!((changed, served.shared == after.shared), (vec![&edited.nodes[2].name.to_string()], true));
        let texts: Texts = serde_json::from_slice(&get("/v1/site/node/compute2").await).unwrap();
        assert!(texts["kickstart"].contains("\nzerombr\n") && texts["boot-script"].contains(&"0".repeat(32)));
        let shared: Texts = serde_json::from_slice(&get("/v1/site/shared").await).unwrap();
        assert!(shared["firstboot/hosts"].contains("192.168.0.5 controller"));
    }
}
