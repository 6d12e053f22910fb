use super::{LetterPath, audit, changed, checked_note, filter, names_none, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DeadLetter, DeadLettersChanged, DiscardDeadLetter, DiscardDeadLetters};
use cofferdam_engine::LettersDone;
use cofferdam_store::dead_letters::DeadLetterFilter;
use std::sync::Arc;

/// Puts a dead letter aside, with a remark. Its task stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/deadLetters/{dead_letter_id}/discard",
    tag = "dead-letters",
    operation_id = "discard_dead_letter",
    params(("dead_letter_id" = String, Path, description = "The letter.")),
    request_body = DiscardDeadLetter,
    responses((status = 200, body = DeadLetter))
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<LetterPath>,
    JsonBody(body): JsonBody<DiscardDeadLetter>,
) -> Result<Json<DeadLetter>, ApiError> {
    let context = caller.context;
    let note = checked_note(body.note.as_deref())?;
    let filter = DeadLetterFilter { ids: vec![path.dead_letter_id], ..DeadLetterFilter::default() };
    let done = app.state.engine.discard_letters(&context, &filter, note, false).await?;
    audit(&app, &context, "dead_letter.discard", &done, note).await;
    shown(&app, &context, path.dead_letter_id, &done).await.map(Json)
}

/// Puts all open letters aside that pass a filter. With `dry_run`, which is the default, it only answers which ones that would be.
#[utoipa::path(
    post,
    path = "/api/v1/deadLetters/discard",
    tag = "dead-letters",
    operation_id = "discard_dead_letters",
    request_body = DiscardDeadLetters,
    responses((status = 200, body = DeadLettersChanged))
)]
pub(crate) async fn many(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(body): JsonBody<DiscardDeadLetters>,
) -> Result<Json<DeadLettersChanged>, ApiError> {
    let context = caller.context;
    let note = checked_note(body.note.as_deref())?;
    if names_none(&body.filter) {
        return Ok(Json(changed(LettersDone::default(), body.dry_run)));
    }
    let done = app.state.engine.discard_letters(&context, &filter(body.filter), note, body.dry_run).await?;
    if !body.dry_run {
        audit(&app, &context, "dead_letter.discard", &done, note).await;
    }
    Ok(Json(changed(done, body.dry_run)))
}
