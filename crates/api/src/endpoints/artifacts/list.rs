use crate::App;
use crate::endpoints::task_instances::{MapIndexQuery, TaskPath};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Artifact, ArtifactCollection};
use cofferdam_store::{artifacts, runs, task_instances};
use std::sync::Arc;

/// The files that a task left, by name. Those of a try appear with its end.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/artifacts",
    tag = "task-instances",
    operation_id = "list_artifacts",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        MapIndexQuery
    ),
    responses((status = 200, body = ArtifactCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<ArtifactCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    task_instances::get(&mut tx, run.key, &path.task_id, query.get()).await?;
    let artifacts: Vec<_> = artifacts::list(&mut tx, run.key, &path.task_id, query.get())
        .await?
        .into_iter()
        .map(|entry| Artifact {
            name: entry.written.artifact.name,
            content_type: entry.written.artifact.content_type,
            size_bytes: entry.written.artifact.size_bytes,
            sha256: entry.written.artifact.sha256,
            try_number: entry.try_number,
            created_at: entry.created_at,
        })
        .collect();
    let total_entries = artifacts.len() as u64;
    Ok(Json(ArtifactCollection { artifacts, total_entries }))
}
