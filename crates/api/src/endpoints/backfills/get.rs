use super::{BackfillPath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Backfill;
use cofferdam_store::backfills;
use std::sync::Arc;

/// A backfill and how far it is.
#[utoipa::path(
    get,
    path = "/api/v1/backfills/{backfill_id}",
    tag = "backfills",
    operation_id = "get_backfill",
    params(("backfill_id" = String, Path, description = "The backfill.")),
    responses((status = 200, body = Backfill))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<BackfillPath>,
) -> Result<Json<Backfill>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(Json(wire(backfills::get(&mut tx, path.backfill_id).await?)))
}
