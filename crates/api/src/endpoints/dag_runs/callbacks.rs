//! The callbacks that a run has called, and its deadlines.

use super::RunPath;
use crate::App;
use crate::endpoints::words::{callback_event, deadline_from, reason, task_state};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Callback, CallbackCollection, Deadline, DeadlineCollection};
use cofferdam_store::{callbacks, runs};
use std::sync::Arc;

/// The callbacks that a run has called, in the order in which it did. They are not among its task instances; their logs and tries are
/// found by the name of the callback and its `map_index`.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks",
    tag = "dag-runs",
    operation_id = "list_callbacks",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = CallbackCollection))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<CallbackCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let called = callbacks::of_run(&mut tx, run.key).await?.into_iter().map(|called| Callback {
        event: callback_event(called.event),
        subject_task_id: called.subject,
        subject_map_index: called.subject_map_index,
        subject_try_number: called.subject_try,
        called_at: called.called_at,
        task_id: called.task_id,
        map_index: called.map_index,
        state: task_state(called.state),
        reason: called.reason.map(reason),
        try_number: called.try_number,
        start_date: called.started_at,
        end_date: called.ended_at,
        message: called.message,
    });
    let callbacks: Vec<_> = called.collect();
    Ok(Json(CallbackCollection { total_entries: callbacks.len() as u64, callbacks }))
}

/// The deadlines of a run and of its tasks: those that lie ahead, and those that were missed.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines",
    tag = "dag-runs",
    operation_id = "list_deadlines",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = DeadlineCollection))
)]
pub(crate) async fn deadlines(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<DeadlineCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let found = callbacks::deadlines(&mut tx, run.key).await?.into_iter().map(|deadline| Deadline {
        task_id: deadline.task_id,
        from: deadline_from(deadline.from),
        after_ms: deadline.after_ms,
        due_at: deadline.due_at,
        missed_at: deadline.missed_at,
    });
    let deadlines: Vec<_> = found.collect();
    Ok(Json(DeadlineCollection { total_entries: deadlines.len() as u64, deadlines }))
}
