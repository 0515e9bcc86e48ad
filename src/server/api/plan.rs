//! What the disks of a node will look like.

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::plan::{self, NodePlan};

/// Returns every partition, volume group and logical volume of a node, sizes in MiB and sectors.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/plan", tag = "nodes", params(("name", description = "name of the node")),
    responses((status = 200, description = "the plan, as `rackstart plan --json` has it", body = Object),
              (status = 404, body = ErrorBody), (status = 409, description = "the plan does not fit", body = ErrorBody)))]
pub(crate) async fn plan(Shared(api): Shared<Api>, Path(name): Path<String>) -> Result<Json<NodePlan>, ApiError> {
    let site = api.appliance.site();
    let node = site.node_by_name(&name).ok_or_else(|| ApiError::no_such_node(&name))?;
    match plan::plan(node) {
        Ok(plan) => Ok(Json(plan)),
        Err(error) => Err(ApiError::new(StatusCode::CONFLICT, error.to_string(), error.help())),
    }
}
