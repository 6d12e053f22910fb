use super::{BackfillPath, done};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Backfill;
use std::sync::Arc;

/// Ends a backfill, and cancels those of its runs that are not finished.
#[utoipa::path(
    put,
    path = "/api/v1/backfills/{backfill_id}/cancel",
    tag = "backfills",
    operation_id = "cancel_backfill",
    params(("backfill_id" = String, Path, description = "The backfill.")),
    responses((status = 200, body = Backfill))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<BackfillPath>,
) -> Result<Json<Backfill>, ApiError> {
    let context = caller.context;
    app.state.engine.cancel_backfill(&context, path.backfill_id).await?;
    Ok(Json(done(&app, &context, "backfill.cancel", path.backfill_id).await?))
}
