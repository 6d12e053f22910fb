use super::wire;
use crate::App;
use crate::endpoints::task_instances::{MapIndexQuery, TaskPath};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Approval;
use cofferdam_domain::context::Context;
use cofferdam_store::{approvals, runs};
use std::sync::Arc;

/// What a task of a run has asked last, and what came of it.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/approval",
    tag = "approvals",
    operation_id = "get_approval",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        MapIndexQuery
    ),
    responses((status = 200, body = Approval))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<Approval>, ApiError> {
    shown(&app, &caller.context, &path, query.get()).await
}

/// The approval as it is now.
pub(super) async fn shown(app: &App, context: &Context, path: &TaskPath, map_index: i32) -> Result<Json<Approval>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let approval = approvals::last(&mut tx, run.key, &path.task_id, map_index).await?;
    Ok(Json(wire(approval, context)))
}
