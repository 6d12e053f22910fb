use super::{RunPath, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DagRun, ErrorCode, SetNote};
use cofferdam_store::audit::Action;
use cofferdam_store::runs;
use serde_json::json;
use std::sync::Arc;

/// The most characters of a note.
pub(crate) const LONGEST_NOTE: usize = 4000;

/// Writes a note on a run; an empty one removes it.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/setNote",
    tag = "dag-runs",
    operation_id = "set_dag_run_note",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    request_body = SetNote,
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<RunPath>,
    JsonBody(body): JsonBody<SetNote>,
) -> Result<Json<DagRun>, ApiError> {
    let context = caller.context;
    let note = checked(&body)?;
    app.state.engine.note_run(&context, &path.dag_id, &path.dag_run_id, note).await?;
    let target = format!("{}/{}", path.dag_id, path.dag_run_id);
    let done = Action { action: "dag_run.note", target_kind: "dag_run", target: &target };
    audit_after(&app, &context, done, json!({})).await;
    let mut tx = app.state.store.begin(&context).await?;
    Ok(Json(wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?)))
}

/// The note, or nothing when it is to be removed.
pub(crate) fn checked(body: &SetNote) -> Result<Option<&str>, ApiError> {
    if body.note.chars().count() > LONGEST_NOTE {
        let detail = format!("A note has at most {LONGEST_NOTE} characters.");
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/note"));
    }
    Ok(Some(body.note.as_str()).filter(|note| !note.is_empty()))
}
