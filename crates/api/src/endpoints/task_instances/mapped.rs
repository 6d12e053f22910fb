//! One instance of a mapped task, by Airflow's paths: the position follows the task.

use super::actions::{mark_one, note_one};
use super::{TaskPath, plan, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{SetNote, TaskInstance, TaskInstanceReference, UpdateTaskInstance};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::{runs, task_instances};
use serde::Deserialize;
use std::sync::Arc;

/// Names an instance of a mapped task.
#[derive(Deserialize)]
pub(crate) struct MappedPath {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    map_index: i32,
}

impl MappedPath {
    pub(super) fn split(self) -> (TaskPath, i32) {
        (TaskPath { dag_id: self.dag_id, dag_run_id: self.dag_run_id, task_id: self.task_id }, self.map_index)
    }
}

/// An instance of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "task-instances",
    operation_id = "get_mapped_task_instance",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task; -1 for a task that is not mapped.")
    ),
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<MappedPath>,
) -> Result<Json<TaskInstance>, ApiError> {
    let (path, map_index) = path.split();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, map_index).await?;
    Ok(Json(wire(instance, &run, &plan)))
}

/// Gives an instance of a mapped task a state. With `dry_run`, which is the default as in Airflow, nothing changes.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "task-instances",
    operation_id = "patch_mapped_task_instance",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task; -1 for a task that is not mapped.")
    ),
    request_body = UpdateTaskInstance,
    responses((status = 200, body = TaskInstanceReference))
)]
pub(crate) async fn mark(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<MappedPath>,
    JsonBody(body): JsonBody<UpdateTaskInstance>,
) -> Result<Json<TaskInstanceReference>, ApiError> {
    let (path, map_index) = path.split();
    mark_one(&app, &caller.context, path, map_index, body).await
}

/// Writes a note on an instance of a mapped task; an empty one removes it.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/setNote",
    tag = "task-instances",
    operation_id = "set_mapped_task_instance_note",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task; -1 for a task that is not mapped.")
    ),
    request_body = SetNote,
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn note(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<MappedPath>,
    JsonBody(body): JsonBody<SetNote>,
) -> Result<Json<TaskInstance>, ApiError> {
    let (path, map_index) = path.split();
    note_one(&app, &caller.context, path, map_index, &body).await
}
