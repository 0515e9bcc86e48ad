//! `GET /kickstart/{token}`: the installer fetches its answers. They hold no storage commands.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::IntoResponse;

use super::peer::{headers_agree, identify};
use super::{Appliance, HttpError, unkept};
use crate::lifecycle::{Refused, State};
use crate::store::{Change, ChangeError};

/// Serves the kickstart to the newest boot of an armed node.
pub(super) async fn kickstart(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, HttpError> {
    let caller = identify(&appliance, peer, &token)?;
    headers_agree(&headers, caller.node())?;
    match &caller.record.state {
        State::Armed { attempt, .. } if attempt.newest_boot.as_ref() == Some(&caller.token.hash()) => {}
        State::Armed { .. } => return Err(ChangeError::Refused(Refused::OldBoot).into()),
        other => return Err(ChangeError::Refused(Refused::NotArmed(other.word())).into()),
    }
    let plan = caller.promised_plan()?;
    let text = caller.renderer.kickstart_planned(&caller.site, caller.node(), &plan, &caller.token)?;
    let detail = "the installer has its kickstart".to_string();
    appliance.store.change(caller.mac, Change::Mark { mark: "kickstart", detail }).await?;
    tracing::info!(node = %caller.node().name, mac = %caller.mac, "fetched its kickstart");
    Ok(unkept(text))
}
