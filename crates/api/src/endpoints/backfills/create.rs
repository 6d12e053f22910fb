use super::{done, request};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Backfill, NewBackfill};
use std::sync::Arc;

/// Makes a backfill: a run for each interval of the dag's schedule that begins between the dates, both included, and has ended. The
/// schedulers make them, `max_active_runs` at a time. With an `Idempotency-Key`, the same request again returns the backfill made the
/// first time.
#[utoipa::path(
    post,
    path = "/api/v1/backfills",
    tag = "backfills",
    operation_id = "create_backfill",
    request_body = NewBackfill,
    responses((status = 200, body = Backfill))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(new): JsonBody<NewBackfill>,
) -> Result<Json<Backfill>, ApiError> {
    let context = caller.context;
    let id = app.state.engine.create_backfill(&context, &request(new)).await?;
    done(&app, &context, "backfill.create", id).await.map(Json)
}
