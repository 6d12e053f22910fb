use super::{RunPath, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::DagRun;
use cofferdam_store::audit::Action;
use cofferdam_store::runs;
use serde_json::json;
use std::sync::Arc;

/// Cancels a run: what has not started is skipped, what runs is stopped within a second. Asking again does nothing more;
/// a finished run is a conflict.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/cancel",
    tag = "dag-runs",
    operation_id = "cancel_dag_run",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<DagRun>, ApiError> {
    let context = caller.context;
    app.state.engine.cancel_run(&context, &path.dag_id, &path.dag_run_id).await?;
    let target = format!("{}/{}", path.dag_id, path.dag_run_id);
    let done = Action { action: "dag_run.cancel", target_kind: "dag_run", target: &target };
    audit_after(&app, &context, done, json!({})).await;
    let mut tx = app.state.store.begin(&context).await?;
    Ok(Json(wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?)))
}
