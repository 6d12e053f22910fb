use super::{DagPath, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Webhook;
use std::sync::Arc;

/// The webhook of a dag, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/webhook",
    tag = "webhooks",
    operation_id = "get_webhook",
    params(("dag_id" = String, Path, description = "The dag.")),
    responses((status = 200, body = Webhook))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
) -> Result<Json<Webhook>, ApiError> {
    Ok(Json(shown(&app, &caller.context, &path.dag_id).await?))
}
