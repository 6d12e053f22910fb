use super::super::words::{reason, receipt, try_ending};
use super::{MapIndexQuery, TaskPath};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Try, TryCollection};
use cofferdam_store::{runs, task_instances};
use std::sync::Arc;

/// The tries of a task instance that have ended, the first one first.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries",
    tag = "task-instances",
    operation_id = "list_tries",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        MapIndexQuery
    ),
    responses((status = 200, body = TryCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<TryCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, query.get()).await?;
    let tries = task_instances::tries(&mut tx, instance.id).await?;
    let tries: Vec<_> = tries.into_iter().map(wire).collect();
    let total_entries = tries.len() as u64;
    Ok(Json(TryCollection { tries, total_entries }))
}

fn wire(ended: task_instances::Try) -> Try {
    Try {
        try_number: ended.try_number,
        ending: try_ending(ended.ending),
        reason: ended.reason.map(reason),
        message: ended.message,
        worker_id: ended.worker,
        queued_at: ended.queued_at,
        start_date: ended.started_at,
        end_date: ended.ended_at,
        receipt: receipt(ended.receipt),
    }
}
