use super::{check_password, domain_role, names, one_role, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, JsonBody};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{CreateUser, ErrorCode, UserAccount};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::users::{self, NewUser};
use http::StatusCode;
use std::sync::Arc;

/// Makes a user of the tenant.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "users",
    operation_id = "create_user",
    request_body = CreateUser,
    responses((status = 201, body = UserAccount))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    JsonBody(request): JsonBody<CreateUser>,
) -> Result<(StatusCode, Json<UserAccount>), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if !(1..=120).contains(&request.username.len()) || !request.username.chars().all(allowed) {
        let detail = "A username has from 1 to 120 letters, digits, '-', '_', '.', '@' and '+'.";
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/username"));
    }
    check_password(&request.password)?;
    let role = one_role(request.role, request.roles.as_deref())?.ok_or_else(|| {
        ApiError::new(ErrorCode::InvalidBody, "A user needs a role: viewer, operator, editor or admin.").at("/role")
    })?;
    let names = names(request.first_name, request.last_name, request.email)?;
    let display_name = names.display().unwrap_or_else(|| request.username.clone());
    let hash = app.passwords.hash(&request.password).await.map_err(ApiError::internal)?;
    let now = app.now();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let new = NewUser { username: request.username, display_name, names, role: domain_role(role), password_hash: Some(hash) };
    let id = users::create(&mut tx, &new, now).await?;
    let done = Action { action: "user.create", target_kind: "user", target: &new.username };
    audit::append(&mut tx, done, &serde_json::json!({ "role": new.role }), now).await?;
    let user = users::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(wire(user))))
}
