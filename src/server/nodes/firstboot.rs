//! `GET /firstboot/{token}`: `%post` fetches the payload of its node.

use axum::extract::{Path, State as Shared};
use axum::http::header;
use axum::response::IntoResponse;

use super::asker::Asker;
use super::authority::admit;
use super::{Appliance, HttpError, renewal};
use crate::boot::Asked;
use crate::lifecycle::Delivery;

/// Serves the payload only to the boot that redeemed the permit, while its installer is running.
pub(super) async fn payload(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Secret(Delivery::Payload)).await?;
    renewal::refuse_damaged(&appliance, &caller.site, caller.node())?;
    let secrets = appliance.store.secrets(&caller.site);
    let (site, node, kept) = (&caller.site, caller.node(), &caller.record.keepsakes);
    let tar = match renewal::key_of(&appliance, &caller) {
        Some(key) => caller.renderer.firstboot_renewal(site, node, &caller.token, &secrets, kept, &key)?,
        None => caller.renderer.firstboot_payload(site, node, &caller.token, &secrets, kept)?,
    };
    caller.takes(&appliance, Delivery::Payload).await?;
    if let Some(held_back) = appliance.strangers.node(caller.mac) {
        let (node, bytes) = (&caller.node().name, tar.len());
        tracing::info!(%node, mac = %caller.mac, bytes, held_back, "fetched its firstboot payload");
    }
    Ok(([(header::CONTENT_TYPE, "application/x-tar"), (header::CACHE_CONTROL, "no-store")], tar))
}
