//! Approving and rejecting.

use super::get::shown;
use crate::App;
use crate::endpoints::task_instances::TaskPath;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Approval, Approve, Reject};
use cofferdam_domain::approval::Answer;
use cofferdam_domain::context::Context;
use cofferdam_engine::AskedTask;
use std::sync::Arc;

/// Approves what a task asks: it succeeds, with the decision as its output. Who may is said by the task (`who`); of two who decide at the
/// same time, the second is answered `conflict`.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/approve",
    tag = "approvals",
    operation_id = "approve",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    request_body = Approve,
    responses((status = 200, body = Approval))
)]
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    JsonBody(body): JsonBody<Approve>,
) -> Result<Json<Approval>, ApiError> {
    let answer = Answer { approve: true, choice: body.choice, note: body.note };
    answered(&app, &caller.context, &path, body.map_index.unwrap_or(-1), &answer).await
}

/// Rejects what a task asks: it fails with the reason `rejected`, or is skipped when its `on_reject` says so.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/reject",
    tag = "approvals",
    operation_id = "reject",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    request_body = Reject,
    responses((status = 200, body = Approval))
)]
pub(crate) async fn reject(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    JsonBody(body): JsonBody<Reject>,
) -> Result<Json<Approval>, ApiError> {
    let answer = Answer { approve: false, choice: None, note: body.note };
    answered(&app, &caller.context, &path, body.map_index.unwrap_or(-1), &answer).await
}

async fn answered(
    app: &App,
    context: &Context,
    path: &TaskPath,
    map_index: i32,
    answer: &Answer,
) -> Result<Json<Approval>, ApiError> {
    let task = AskedTask { dag_id: &path.dag_id, dag_run_id: &path.dag_run_id, task_id: &path.task_id, map_index };
    app.state.engine.answer_approval(context, task, answer).await?;
    shown(app, context, path, map_index).await
}
