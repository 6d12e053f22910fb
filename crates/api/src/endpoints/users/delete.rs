use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathParams};
use axum::extract::State;
use cofferdam_api_types::ErrorCode;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::users;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    username: String,
}

/// Deletes a user with its API keys and sessions. What it did stays in the audit log.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{username}",
    tag = "users",
    operation_id = "delete_user",
    params(("username" = String, Path, description = "The user's name.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    PathParams(path): PathParams<Path>,
) -> Result<StatusCode, ApiError> {
    let context = caller.context;
    let mut tx = app.state.store.begin(&context).await?;
    let user = users::by_username(&mut tx, &path.username)
        .await?
        .ok_or_else(|| ApiError::not_found(format!("The user '{}'", path.username)))?
        .user;
    if Some(user.id) == context.user() {
        // Else a tenant could be left without anybody who manages it.
        return Err(ApiError::new(ErrorCode::Conflict, "An admin cannot delete itself; another admin can."));
    }
    users::delete(&mut tx, user.id).await?;
    let done = Action { action: "user.delete", target_kind: "user", target: &user.username };
    audit::append(&mut tx, done, &serde_json::json!({}), app.now()).await?;
    tx.commit().await?;
    app.sessions_seen.clear();
    Ok(StatusCode::NO_CONTENT)
}
