use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::extract::State;
use cofferdam_domain::context::Role;
use cofferdam_ids::ApiKeyId;
use cofferdam_store::api_keys;
use cofferdam_store::audit::{self, Action};
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    api_key_id: ApiKeyId,
}

/// Revokes an API key: one's own, or as an admin anybody's.
#[utoipa::path(
    delete,
    path = "/api/v1/api-keys/{api_key_id}",
    tag = "api-keys",
    operation_id = "revoke_api_key",
    params(("api_key_id" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "The key can no longer be used."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
) -> Result<StatusCode, ApiError> {
    let context = caller.context;
    let now = app.now();
    let mut tx = app.state.store.begin(&context).await?;
    let key = api_keys::revoke(&mut tx, path.api_key_id, now).await?;
    // Whose key it is, is known only now; without a commit nothing has happened.
    if context.role != Role::Admin && Some(key.user) != context.user() {
        return Err(ApiError::not_found(format!("The API key '{}'", path.api_key_id)));
    }
    let target = key.id.to_string();
    let done = Action { action: "api_key.revoke", target_kind: "api_key", target: &target };
    audit::append(&mut tx, done, &serde_json::json!({ "name": key.name }), now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
