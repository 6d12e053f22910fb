use super::wire;
use crate::App;
use crate::endpoints::task_instances::{MapIndexQuery, TaskPath};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::XComCollection;
use cofferdam_store::{runs, task_instances, xcoms};
use std::sync::Arc;

/// What a task left for others, by key, without the values.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tag = "task-instances",
    operation_id = "list_xcoms",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        MapIndexQuery
    ),
    responses((status = 200, body = XComCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<XComCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    task_instances::get(&mut tx, run.key, &path.task_id, query.get()).await?;
    let entries = xcoms::list(&mut tx, run.key, &path.task_id, query.get()).await?;
    let xcom_entries: Vec<_> = entries.into_iter().map(|entry| wire(entry, &path, query.get())).collect();
    let total_entries = xcom_entries.len() as u64;
    Ok(Json(XComCollection { xcom_entries, total_entries }))
}
