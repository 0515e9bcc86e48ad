//! All pages as files, for a ticket or an archive: a tar file, which `rackstart report` unpacks.

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use tar::{Builder, Header};

use super::{Api, ApiError, Viewed, cloud, node, rack, site};
use crate::clock::unix_now;
use crate::web::{Filter, ICON, STYLE, rack_file};

/// Returns every page as a file of a tar archive.
#[utoipa::path(get, path = "/api/v1/report", tag = "site",
    responses((status = 200, description = "a tar file of HTML pages", body = String, content_type = "application/x-tar")))]
pub(in crate::server::api) async fn report(Shared(api): Shared<Api>) -> Result<impl IntoResponse, ApiError> {
    let mut archive = Archive::new();
    archive.add("style.css", STYLE)?;
    archive.add("icon.svg", ICON)?;
    let top = Viewed::AsFile("");
    for page in 1.. {
        let filter = Filter { page, as_file: true, ..Filter::default() };
        let (Html(text), goes_on) = rack::made(&api, top, &filter)?;
        archive.add(&rack_file(page), &text)?;
        if !goes_on {
            break;
        }
    }
    archive.add("cloud.html", &cloud::made(&api, top).await?.0)?;
    archive.add("site.html", &site::made(&api, top).await?.0)?;
    let served = api.appliance.served();
    for name in served.site.nodes.iter().map(|node| node.name.as_str()) {
        let Html(text) = node::made(&api, Viewed::AsFile("../"), name, None).await?;
        archive.add(&format!("nodes/{name}.html"), &text)?;
    }
    Ok(([(header::CONTENT_TYPE, "application/x-tar")], archive.finish()?))
}

struct Archive {
    builder: Builder<Vec<u8>>,
    now: u64,
}

impl Archive {
    fn new() -> Self {
        Self { builder: Builder::new(Vec::new()), now: unix_now() }
    }

    fn add(&mut self, path: &str, text: &str) -> Result<(), ApiError> {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(self.now);
        self.builder.append_data(&mut header, path, text.as_bytes()).map_err(failed)
    }

    fn finish(self) -> Result<Vec<u8>, ApiError> {
        self.builder.into_inner().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> ApiError {
    let error = format!("the report could not be made: {error}");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error, "look at the daemon's log")
}
