use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::UserAccount;
use cofferdam_store::users;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    username: String,
}

/// A user of the tenant.
#[utoipa::path(
    get,
    path = "/api/v1/users/{username}",
    tag = "users",
    operation_id = "get_user",
    params(("username" = String, Path, description = "The user's name.")),
    responses((status = 200, body = UserAccount))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<UserAccount>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let found = users::by_username(&mut tx, &path.username).await?;
    found.map(|found| Json(wire(found.user))).ok_or_else(|| ApiError::not_found(format!("The user '{}'", path.username)))
}
