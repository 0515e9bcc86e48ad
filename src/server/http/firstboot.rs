//! `GET /firstboot/{token}`: `%post` fetches the payload of its node.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State as Shared};
use axum::http::header;
use axum::response::IntoResponse;

use super::peer::identify;
use super::{Appliance, HttpError};
use crate::lifecycle::{Refused, State};
use crate::store::ChangeError;

/// Serves the payload to the boot that redeemed the permit, and to no other.
pub(super) async fn payload(
    Shared(appliance): Shared<Appliance>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = identify(&appliance, peer, &token)?;
    if matches!(caller.record.state, State::Suspect { .. }) {
        return Err(ChangeError::Refused(Refused::Suspect).into());
    }
    let redeemer = caller.record.state.attempt().and_then(|attempt| attempt.redeemed_by.clone());
    if redeemer != Some(caller.token.hash()) {
        return Err(ChangeError::Refused(Refused::NotArmed(caller.record.state.word())).into());
    }
    let tar = caller.renderer.firstboot_payload(&caller.site, caller.node(), &caller.token)?;
    tracing::info!(node = %caller.node().name, mac = %caller.mac, bytes = tar.len(), "fetched its firstboot payload");
    Ok(([(header::CONTENT_TYPE, "application/x-tar"), (header::CACHE_CONTROL, "no-store")], tar))
}
