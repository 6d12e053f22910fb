use super::{DagPath, etag, wire};
use crate::App;
use crate::endpoints::airflow::{FieldsQuery, only_fields};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::Dag;
use cofferdam_store::dags;
use http::header;
use std::sync::Arc;

/// A dag. The `ETag` serves for changing it.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}",
    tag = "dags",
    operation_id = "get_dag",
    params(("dag_id" = String, Path, description = "The dag."), FieldsQuery),
    responses((status = 200, body = Dag))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<FieldsQuery>,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let dag = wire(dags::get(&mut tx, &path.dag_id).await?);
    Ok(([(header::ETAG, etag(&dag))], only_fields(&dag, None, query.fields.as_deref())?).into_response())
}
