//! `POST /permit/{token}`: `%pre` found its disk and asks for the storage commands. They leave here once per arming.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::form::NodeForm;
use super::peer::{Caller, identify};
use super::{Appliance, HttpError};
use crate::lifecycle::{Event, WipeScope};
use crate::plan;
use crate::store::Change;

/// The disk that `%pre` chose, in its words.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    disk: String,
    sectors: u64,
    sector_size: u32,
    #[serde(default)]
    blank: String,
    #[serde(default)]
    found: String,
}

/// Redeems the wipe permit. 409: the disk is not the planned one, nothing is spent. 410: spent, or an old boot.
pub(super) async fn redeem(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    NodeForm(found): NodeForm<Found>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = identify(&appliance, peer, &token)?;
    let node = caller.node();
    let scope = caller.record.state.attempt().map_or(WipeScope::BlankDiskOnly, |attempt| attempt.scope);
    if let Err(reason) = disk_is_as_planned(&caller, &found, scope) {
        tracing::warn!(node = %node.name, mac = %caller.mac, %reason, "the wipe permit was not redeemed");
        return Err(HttpError::new(StatusCode::CONFLICT, reason));
    }
    // Everything that can fail happens before the permit is spent.
    let plan = plan::plan(node).map_err(|error| HttpError::new(StatusCode::CONFLICT, error.to_string()))?;
    let text = appliance.renderer.storage_section(node, &plan, &found.disk, scope)?;
    let event = Event::PermitRedeemed { token: caller.token.hash() };
    appliance.store.change(caller.mac, Change::Event { event, mark: Some("permit") }).await?;
    tracing::info!(node = %node.name, mac = %caller.mac, disk = found.disk, "redeemed its wipe permit");
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text))
}

fn disk_is_as_planned(caller: &Caller, found: &Found, scope: WipeScope) -> Result<(), String> {
    let wanted = &caller.node().disk;
    if (found.sectors, found.sector_size) != (wanted.sectors, wanted.sector_size) {
        return Err(format!(
            "disk {} has {} sectors of {} bytes, the site file plans for {} of {}; correct `disk` of {}",
            super::form::tame(&found.disk, 64),
            found.sectors,
            found.sector_size,
            wanted.sectors,
            wanted.sector_size,
            caller.node().name
        ));
    }
    if scope == WipeScope::BlankDiskOnly && found.blank != "yes" {
        return Err(format!(
            "disk {} is not blank ({}); a first install never wipes data: run `rackstart reimage {}` if it may go",
            super::form::tame(&found.disk, 64),
            super::form::tame(&found.found, 256).replace('\n', ", "),
            caller.node().name
        ));
    }
    Ok(())
}
