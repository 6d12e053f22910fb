//! Short paths for what is done most: the same handlers, with the same bodies, as under `/api/v1`.

use crate::App;
use crate::endpoints::airflow::FieldsQuery;
use crate::endpoints::{dag_runs, dags};
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, Operator, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use cofferdam_api_types::{AppliedDag, DagCollection, DagListQuery, DagRun, DagRunCollection, DagRunListQuery, TriggerDagRun};
use http::StatusCode;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(apply, list)).routes(routes!(trigger, runs)).routes(routes!(run))
}

/// Applies a dag definition: as `POST /api/v1/dags`.
#[utoipa::path(
    post,
    path = "/v1/dags",
    tag = "dags",
    operation_id = "v1_apply_dag",
    params(dags::apply::ApplyQuery),
    request_body(
        content((Value = "application/json"), (String = "application/yaml")),
        description = "The definition, as the JSON Schema of dags describes it."
    ),
    responses((status = 201, body = AppliedDag), (status = 200, body = AppliedDag))
)]
pub(crate) async fn apply(
    app: State<Arc<App>>,
    caller: Caller<Editor>,
    query: QueryParams<dags::apply::ApplyQuery>,
    request: Request,
) -> Result<(StatusCode, Json<AppliedDag>), ApiError> {
    dags::apply::handler(app, caller, query, request).await
}

/// The dags of the tenant: as `GET /api/v1/dags`.
#[utoipa::path(
    get,
    path = "/v1/dags",
    tag = "dags",
    operation_id = "v1_list_dags",
    params(DagListQuery),
    responses((status = 200, body = DagCollection))
)]
pub(crate) async fn list(
    app: State<Arc<App>>,
    caller: Caller<Viewer>,
    query: QueryParams<DagListQuery>,
) -> Result<Response, ApiError> {
    dags::list::handler(app, caller, query).await
}

/// Triggers a run: as `POST /api/v1/dags/{dag_id}/dagRuns`.
#[utoipa::path(
    post,
    path = "/v1/dags/{dag_id}/runs",
    tag = "dag-runs",
    operation_id = "v1_trigger_dag_run",
    params(("dag_id" = String, Path, description = "The dag.")),
    request_body = TriggerDagRun,
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn trigger(
    app: State<Arc<App>>,
    caller: Caller<Operator>,
    path: PathParams<dag_runs::trigger::Path>,
    body: JsonBody<TriggerDagRun>,
) -> Result<Json<DagRun>, ApiError> {
    dag_runs::trigger::handler(app, caller, path, body).await
}

/// The runs of a dag, or of all with `~`: as `GET /api/v1/dags/{dag_id}/dagRuns`.
#[utoipa::path(
    get,
    path = "/v1/dags/{dag_id}/runs",
    tag = "dag-runs",
    operation_id = "v1_list_dag_runs",
    params(("dag_id" = String, Path, description = "The dag, or `~` for all."), DagRunListQuery),
    responses((status = 200, body = DagRunCollection))
)]
pub(crate) async fn runs(
    app: State<Arc<App>>,
    caller: Caller<Viewer>,
    path: PathParams<dag_runs::list::Path>,
    query: QueryParams<DagRunListQuery>,
) -> Result<Response, ApiError> {
    dag_runs::list::handler(app, caller, path, query).await
}

/// A run: as `GET /api/v1/dags/{dag_id}/dagRuns/{dag_run_id}`.
#[utoipa::path(
    get,
    path = "/v1/dags/{dag_id}/runs/{dag_run_id}",
    tag = "dag-runs",
    operation_id = "v1_get_dag_run",
    params(("dag_id" = String, Path, description = "The dag."), ("dag_run_id" = String, Path, description = "The run."), FieldsQuery),
    responses((status = 200, body = DagRun))
)]
pub(crate) async fn run(
    app: State<Arc<App>>,
    caller: Caller<Viewer>,
    path: PathParams<dag_runs::RunPath>,
    query: QueryParams<FieldsQuery>,
) -> Result<Response, ApiError> {
    dag_runs::get::handler(app, caller, path, query).await
}
