//! `GET /kickstart/{token}`: the installer fetches its kickstart, which holds no storage commands.

use axum::extract::{Path, State as Shared};
use axum::response::IntoResponse;

use super::asker::Asker;
use super::authority::admit;
use super::{Appliance, HttpError, unkept};
use crate::boot::Asked;
use crate::lifecycle::Delivery;

/// Serves the kickstart to the newest boot of an armed node.
pub(super) async fn kickstart(
    Shared(appliance): Shared<Appliance>,
    asker: Asker,
    Path(token): Path<String>,
) -> Result<impl IntoResponse, HttpError> {
    let caller = admit(&appliance, &asker, &token, Asked::Secret(Delivery::Kickstart)).await?;
    let plan = caller.promised_plan()?;
    let text = caller.renderer.kickstart_planned(&caller.site, caller.node(), &plan, &caller.token)?;
    caller.takes(&appliance, Delivery::Kickstart).await?;
    if let Some(held_back) = appliance.strangers.node(caller.mac) {
        tracing::info!(node = %caller.node().name, mac = %caller.mac, held_back, "fetched its kickstart");
    }
    Ok(unkept(text))
}
