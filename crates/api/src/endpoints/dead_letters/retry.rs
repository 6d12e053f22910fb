use super::{LetterPath, audit, changed, filter, names_none, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DeadLetter, DeadLettersChanged, RetryDeadLetters};
use cofferdam_engine::LettersDone;
use cofferdam_store::dead_letters::DeadLetterFilter;
use std::sync::Arc;

/// Runs the task of a dead letter again, as if it had been cleared; what was not run because it had failed waits for it anew. The letter
/// is resolved when the task succeeds, and brought up to date when it fails.
#[utoipa::path(
    post,
    path = "/api/v1/deadLetters/{dead_letter_id}/retry",
    tag = "dead-letters",
    operation_id = "retry_dead_letter",
    params(("dead_letter_id" = String, Path, description = "The letter.")),
    responses((status = 200, body = DeadLetter))
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<LetterPath>,
) -> Result<Json<DeadLetter>, ApiError> {
    let context = caller.context;
    let filter = DeadLetterFilter { ids: vec![path.dead_letter_id], ..DeadLetterFilter::default() };
    let done = app.state.engine.retry_letters(&context, &filter, false).await?;
    audit(&app, &context, "dead_letter.retry", &done, None).await;
    shown(&app, &context, path.dead_letter_id, &done).await.map(Json)
}

/// Runs the tasks of all open letters again that pass a filter. With `dry_run`, which is the default, it only answers which ones that
/// would be.
#[utoipa::path(
    post,
    path = "/api/v1/deadLetters/retry",
    tag = "dead-letters",
    operation_id = "retry_dead_letters",
    request_body = RetryDeadLetters,
    responses((status = 200, body = DeadLettersChanged))
)]
pub(crate) async fn many(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(body): JsonBody<RetryDeadLetters>,
) -> Result<Json<DeadLettersChanged>, ApiError> {
    let context = caller.context;
    if names_none(&body.filter) {
        return Ok(Json(changed(LettersDone::default(), body.dry_run)));
    }
    let done = app.state.engine.retry_letters(&context, &filter(body.filter), body.dry_run).await?;
    if !body.dry_run {
        audit(&app, &context, "dead_letter.retry", &done, None).await;
    }
    Ok(Json(changed(done, body.dry_run)))
}
