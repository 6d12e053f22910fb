use super::{PoolPath, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Pool;
use std::sync::Arc;

/// A pool, with what is taken of it now.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool_name}",
    tag = "pools",
    operation_id = "get_pool",
    params(("pool_name" = String, Path, description = "The pool.")),
    responses((status = 200, body = Pool))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<PoolPath>,
) -> Result<Json<Pool>, ApiError> {
    shown(&app, &caller.context, &path.pool_name).await.map(Json)
}
