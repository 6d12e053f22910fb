use super::PoolPath;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_api_types::ErrorCode;
use cofferdam_ids::PoolName;
use cofferdam_store::audit::Action;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// Deletes a pool. One that a dag names, or that tasks are in, is a conflict. The default pool loses its bound.
#[utoipa::path(
    delete,
    path = "/api/v1/pools/{pool_name}",
    tag = "pools",
    operation_id = "delete_pool",
    params(("pool_name" = String, Path, description = "The pool.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<PoolPath>,
) -> Result<StatusCode, ApiError> {
    let deleted = app.state.engine.delete_pool(&caller.context, &path.pool_name).await.map_err(ApiError::from);
    deleted.map_err(|error| match error.problem().code {
        ErrorCode::NotFound if path.pool_name == PoolName::default_pool() => {
            ApiError::new(ErrorCode::Conflict, "The default pool is always there, and has no bound now.")
        }
        _ => error,
    })?;
    let done = Action { action: "pool.delete", target_kind: "pool", target: path.pool_name.as_str() };
    audit_after(&app, &caller.context, done, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}
