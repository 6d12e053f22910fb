use super::search::{Scope, search};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{TaskInstanceCollection, TaskInstanceListQuery};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: String,
    dag_run_id: String,
}

/// The task instances of a run, in the order of the dag's tasks. `~` in place of a dag or a run stands for all, as Airflow has it.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances",
    tag = "task-instances",
    operation_id = "list_task_instances",
    params(
        ("dag_id" = String, Path, description = "The dag, or `~` for all."),
        ("dag_run_id" = String, Path, description = "The run, or `~` for all."),
        TaskInstanceListQuery
    ),
    responses((status = 200, body = TaskInstanceCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<TaskInstanceListQuery>,
) -> Result<Json<TaskInstanceCollection>, ApiError> {
    let scope = Scope::new(&path.dag_id, &path.dag_run_id, None)?;
    search(&app, &caller.context, scope, &query).await.map(Json)
}
