use super::{done, request};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Decision, IdempotencyKey, JsonBody, Operator};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Backfill, NewBackfill};
use cofferdam_domain::context::Context;
use std::sync::Arc;

/// Makes a backfill: a run for each interval of the dag's schedule that begins between the dates, both included, and has ended. The
/// schedulers make them, `max_active_runs` at a time. With an `Idempotency-Key`, the same request again returns the backfill made the
/// first time.
#[utoipa::path(
    post,
    path = "/api/v1/backfills",
    tag = "backfills",
    operation_id = "create_backfill",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat: up to 255 characters.")),
    request_body = NewBackfill,
    responses((status = 200, body = Backfill))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    key: IdempotencyKey,
    JsonBody(new): JsonBody<NewBackfill>,
) -> Result<Json<Backfill>, ApiError> {
    let context = caller.context;
    let taken = match key.begin(&app, &context, "backfill".to_owned(), &new).await? {
        Decision::Work(taken) => taken,
        Decision::Replay(body) => return serde_json::from_value(body).map(Json).map_err(ApiError::internal),
    };
    let result = create(&app, &context, new).await;
    if let Some(taken) = taken {
        taken.finish(&app, &context, &result).await;
    }
    result.map(Json)
}

async fn create(app: &App, context: &Context, new: NewBackfill) -> Result<Backfill, ApiError> {
    let id = app.state.engine.create_backfill(context, &request(new)).await?;
    done(app, context, "backfill.create", id).await
}
