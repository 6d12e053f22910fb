use super::{plan, wire};
use crate::App;
use crate::endpoints::dag_runs::RunPath;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::TaskInstanceCollection;
use cofferdam_store::{runs, task_instances};
use std::sync::Arc;

/// The task instances of a run, in the order of the dag's tasks.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances",
    tag = "task-instances",
    operation_id = "list_task_instances",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = TaskInstanceCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<TaskInstanceCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let instances = task_instances::list(&mut tx, run.key).await?;
    let task_instances: Vec<_> = instances.into_iter().map(|instance| wire(instance, &run, &plan)).collect();
    let total_entries = task_instances.len() as u64;
    Ok(Json(TaskInstanceCollection { task_instances, total_entries }))
}
