use super::{RunPath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::DagRun;
use cofferdam_store::runs;
use std::sync::Arc;

/// A run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "dag-runs",
    operation_id = "get_dag_run",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
) -> Result<Json<DagRun>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(Json(wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?)))
}
