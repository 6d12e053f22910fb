use super::{LetterPath, wire};
use crate::App;
use crate::endpoints::segment;
use crate::endpoints::task_instances::tries::as_try;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cofferdam_api_types::{DeadLetterDetail, DeadLetterTry, UndecodableMessage};
use cofferdam_store::dead_letters::{self, DeadLetter, DeadMessage};
use std::sync::Arc;

/// A dead letter with its whole history: every try, what the last one was given, and for a message what could be read of it.
#[utoipa::path(
    get,
    path = "/api/v1/deadLetters/{dead_letter_id}",
    tag = "dead-letters",
    operation_id = "get_dead_letter",
    params(("dead_letter_id" = String, Path, description = "The letter.")),
    responses((status = 200, body = DeadLetterDetail))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<LetterPath>,
) -> Result<Json<DeadLetterDetail>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let letter = dead_letters::get(&mut tx, path.dead_letter_id).await?;
    let content = dead_letters::content(&mut tx, path.dead_letter_id).await?;
    let history = content.history.into_iter().map(|ended| {
        let log = letter.instance.is_some().then(|| log(&letter, ended.try_number));
        DeadLetterTry { ended: as_try(ended), log }
    });
    let history = history.collect();
    let rendered = content.rendered.map(|kept| serde_json::from_str(&kept)).transpose().map_err(ApiError::internal)?;
    Ok(Json(DeadLetterDetail { history, rendered, undecodable: content.body.map(undecodable), dead_letter: wire(letter) }))
}

fn undecodable(message: DeadMessage) -> UndecodableMessage {
    UndecodableMessage {
        queue: message.queue.map(|queue| queue.to_string()),
        body: BASE64_STANDARD.encode(&message.kept),
        truncated: message.size_bytes > message.kept.len() as u64,
        size_bytes: message.size_bytes,
    }
}

/// Where the log of a try is.
fn log(letter: &DeadLetter, try_number: u32) -> String {
    let (dag, run, task) =
        (segment(letter.dag_id.as_str()), segment(letter.dag_run_id.as_str()), segment(letter.task_id.as_str()));
    let mapped = if letter.map_index < 0 { String::new() } else { format!("?map_index={}", letter.map_index) };
    format!("/api/v1/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{try_number}{mapped}")
}
