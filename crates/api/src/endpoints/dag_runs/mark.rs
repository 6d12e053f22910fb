use super::{DryRunQuery, RunPath, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::task_instances::references;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{DagRun, MarkedRunState, TaskInstanceReferenceCollection, UpdateDagRunState};
use cofferdam_engine::RunMark;
use cofferdam_store::audit::Action;
use cofferdam_store::runs;
use serde_json::json;
use std::sync::Arc;

/// Gives a run a state: with `success` all its tasks count as succeeded; with `failed`, what runs is stopped and failed, and
/// what waits is skipped; `queued` takes back a state that a person gave it. The answer is the run; with `dry_run`, the task instances that
/// would get another state.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "dag-runs",
    operation_id = "update_dag_run_state",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        DryRunQuery
    ),
    request_body = UpdateDagRunState,
    responses((status = 200, content((DagRun = "application/json"), (TaskInstanceReferenceCollection = "application/json"))))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<RunPath>,
    QueryParams(query): QueryParams<DryRunQuery>,
    JsonBody(body): JsonBody<UpdateDagRunState>,
) -> Result<Response, ApiError> {
    let context = caller.context;
    let mark = match body.state {
        MarkedRunState::Success => RunMark::Success,
        MarkedRunState::Failed => RunMark::Failed,
        MarkedRunState::Queued => RunMark::ByItsTasks,
    };
    let touched = app.state.engine.mark_run(&context, &path.dag_id, &path.dag_run_id, mark, query.dry_run).await?;
    if query.dry_run {
        return Ok(Json(references(&path.dag_id, touched)).into_response());
    }
    let target = format!("{}/{}", path.dag_id, path.dag_run_id);
    let done = Action { action: "dag_run.mark", target_kind: "dag_run", target: &target };
    audit_after(&app, &context, done, json!({ "state": body.state })).await;
    let mut tx = app.state.store.begin(&context).await?;
    Ok(Json(wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?)).into_response())
}
