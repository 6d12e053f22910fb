use super::{DryRunQuery, RunPath};
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::task_instances::references;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::TaskInstanceReferenceCollection;
use cofferdam_store::audit::Action;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// Deletes a finished run with its tasks, tries and XComs. One that is not finished is a conflict: cancel it first. With `dry_run` nothing
/// is deleted, and the answer is the task instances that would go with it.
#[utoipa::path(
    delete,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "dag-runs",
    operation_id = "delete_dag_run",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        DryRunQuery
    ),
    responses((status = 204, description = "It is gone."), (status = 200, body = TaskInstanceReferenceCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<RunPath>,
    QueryParams(query): QueryParams<DryRunQuery>,
) -> Result<Response, ApiError> {
    if query.dry_run {
        let instances = app.state.engine.would_delete(&caller.context, &path.dag_id, &path.dag_run_id).await?;
        return Ok(Json(references(&path.dag_id, instances)).into_response());
    }
    app.state.engine.delete_run(&caller.context, &path.dag_id, &path.dag_run_id).await?;
    let target = format!("{}/{}", path.dag_id, path.dag_run_id);
    let done = Action { action: "dag_run.delete", target_kind: "dag_run", target: &target };
    audit_after(&app, &caller.context, done, json!({})).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}
