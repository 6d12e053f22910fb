use super::super::words::task_state;
use super::plan;
use crate::App;
use crate::endpoints::dag_runs::RunPath;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{TaskSummary, TaskSummaryCollection};
use cofferdam_store::{runs, task_summaries};
use std::sync::Arc;

/// The tasks of a run, each with how many of its instances are in which state: a mapped task may have thousands.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskSummaries",
    tag = "task-instances",
    operation_id = "list_task_summaries",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = TaskSummaryCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<TaskSummaryCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let task_summaries: Vec<TaskSummary> = task_summaries::list(&mut tx, run.key)
        .await?
        .into_iter()
        .map(|task| TaskSummary {
            is_mapped: task.expanded || plan.task_named(&task.task_id).is_some_and(|task| task.is_mapped()),
            instances: task.instances(),
            states: task.states.into_iter().map(|(state, count)| (task_state(state), count)).collect(),
            start_date: task.started_at,
            end_date: task.ended_at,
            task_id: task.task_id,
        })
        .collect();
    let total_entries = task_summaries.len() as u64;
    Ok(Json(TaskSummaryCollection { task_summaries, total_entries }))
}
