use super::{RunPath, wire};
use crate::App;
use crate::endpoints::airflow::{FieldsQuery, only_fields};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::DagRun;
use cofferdam_store::runs;
use std::sync::Arc;

/// A run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "dag-runs",
    operation_id = "get_dag_run",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run."), FieldsQuery),
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<RunPath>,
    QueryParams(query): QueryParams<FieldsQuery>,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = wire(runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?);
    only_fields(&run, None, query.fields.as_deref())
}
