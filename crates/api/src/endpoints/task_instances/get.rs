use super::{MapIndexQuery, TaskPath, plan, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::TaskInstance;
use cofferdam_store::{runs, task_instances};
use std::sync::Arc;

/// A task instance, with the receipt of its last finished try.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
    tag = "task-instances",
    operation_id = "get_task_instance",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        MapIndexQuery
    ),
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<TaskInstance>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, query.get()).await?;
    Ok(Json(wire(instance, &run, &plan)))
}
