use super::tries::TryPath;
use super::{MapIndexQuery, TaskPath, plan};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::RenderedInput;
use cofferdam_domain::rendered::as_written;
use cofferdam_store::{StoreError, runs, task_instances};
use std::sync::Arc;

/// What a try was given, once its templates and references were filled in (Airflow's rendered fields). Known once the try has
/// run for a moment or has ended. What names of fields call secret is masked.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{try_number}/rendered",
    tag = "task-instances",
    operation_id = "get_rendered_input",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("try_number" = u32, Path, description = "The try, from 1."),
        MapIndexQuery
    ),
    responses((status = 200, body = RenderedInput))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TryPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<RenderedInput>, ApiError> {
    let TryPath { dag_id, dag_run_id, task_id, try_number } = path;
    let path = TaskPath { dag_id, dag_run_id, task_id };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, query.get()).await?;
    let unknown = || StoreError::not_found("rendered input of try", try_number);
    if !(1..=instance.try_number).contains(&try_number) {
        return Err(unknown().into());
    }
    let kept = match task_instances::rendered(&mut tx, instance.id, try_number).await? {
        Some(kept) => kept,
        None => {
            let plan = plan(&mut tx, &run).await?;
            plan.named(&path.task_id).and_then(as_written).ok_or_else(unknown)?
        }
    };
    serde_json::from_str(&kept).map(Json).map_err(ApiError::internal)
}
