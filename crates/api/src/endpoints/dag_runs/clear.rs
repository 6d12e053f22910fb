use super::{RunPath, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::task_instances::references;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{ClearDagRun, DagRun, TaskInstanceReferenceCollection};
use cofferdam_engine::{Act, Selection};
use cofferdam_store::audit::Action;
use cofferdam_store::execution::actions::RunScope;
use cofferdam_store::runs;
use serde_json::json;
use std::sync::Arc;

/// Runs a whole run anew, on the dag version that it is pinned to. The answer is the run; with `dry_run`, which is the default
/// as in Airflow, the task instances that would be cleared.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/clear",
    tag = "dag-runs",
    operation_id = "clear_dag_run",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    request_body = ClearDagRun,
    responses((status = 200, content((DagRun = "application/json"), (TaskInstanceReferenceCollection = "application/json"))))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<RunPath>,
    JsonBody(body): JsonBody<ClearDagRun>,
) -> Result<Response, ApiError> {
    let context = caller.context;
    let runs_meant = RunScope { dag_run_ids: Some(vec![path.dag_run_id.clone()]), ..RunScope::default() };
    let selection = Selection { runs: runs_meant, ..Selection::default() };
    let touched = app.state.engine.act(&context, &path.dag_id, &selection, Act::Clear, body.dry_run).await?;
    if body.dry_run {
        return Ok(Json(references(&path.dag_id, touched)).into_response());
    }
    let target = format!("{}/{}", path.dag_id, path.dag_run_id);
    let done = Action { action: "dag_run.clear", target_kind: "dag_run", target: &target };
    audit_after(&app, &context, done, json!({ "task_instances": touched.len() })).await;
    let mut tx = app.state.store.begin(&context).await?;
    Ok(Json(wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?)).into_response())
}
