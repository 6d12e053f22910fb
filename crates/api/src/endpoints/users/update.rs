use super::super::variables::masked;
use super::{check_password, domain_role, names, one_role, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, JsonBody, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, UpdateMask, UpdateUser, UserAccount};
use cofferdam_domain::context::Role;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::{sessions, users};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    username: String,
}

const FIELDS: &[&str] = &["username", "password", "role", "roles", "is_active", "first_name", "last_name", "email"];

/// Changes a user: password, role, whether it may sign in, what it is called. An empty name takes it away. A new password or a user made
/// inactive ends its sessions.
#[utoipa::path(
    patch,
    path = "/api/v1/users/{username}",
    tag = "users",
    operation_id = "update_user",
    params(("username" = String, Path, description = "The user's name."), UpdateMask),
    request_body = UpdateUser,
    responses((status = 200, body = UserAccount))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<UpdateMask>,
    JsonBody(request): JsonBody<UpdateUser>,
) -> Result<Json<UserAccount>, ApiError> {
    let context = caller.context;
    if request.username.as_ref().is_some_and(|given| *given != path.username) {
        return Err(ApiError::new(ErrorCode::InvalidBody, "A user keeps its name.").at("/username"));
    }
    let mask = masked(query.update_mask.as_deref(), FIELDS)?;
    let counts = |field: &str| mask.as_ref().is_none_or(|mask| mask.contains(&field));
    let hash = match &request.password.filter(|_| counts("password")) {
        Some(password) => {
            check_password(password)?;
            Some(app.passwords.hash(password).await.map_err(ApiError::internal)?)
        }
        None => None,
    };
    let now = app.now();
    let mut tx = app.state.store.begin(&context).await?;
    let user = users::by_username(&mut tx, &path.username)
        .await?
        .ok_or_else(|| ApiError::not_found(format!("The user '{}'", path.username)))?
        .user;
    let given = (request.role.filter(|_| counts("role")), request.roles.filter(|_| counts("roles")));
    let role = one_role(given.0, given.1.as_deref())?.map_or(user.role, domain_role);
    let active = request.is_active.filter(|_| counts("is_active")).unwrap_or(user.active);
    let before = user.names.clone();
    let called = names(
        request.first_name.filter(|_| counts("first_name")).or_else(|| before.first.clone()),
        request.last_name.filter(|_| counts("last_name")).or_else(|| before.last.clone()),
        request.email.filter(|_| counts("email")).or_else(|| before.email.clone()),
    )?;
    if Some(user.id) == context.user() && (role != Role::Admin || !active) {
        // Else a tenant could be left without anybody who manages it.
        return Err(ApiError::new(ErrorCode::Conflict, "An admin cannot take its own rights away; another admin can."));
    }
    users::set_role(&mut tx, user.id, role, active, now).await?;
    if called != before {
        users::set_names(&mut tx, user.id, &called, now).await?;
    }
    if let Some(hash) = &hash {
        users::set_password(&mut tx, user.id, hash, now).await?;
    }
    if hash.is_some() || !active {
        sessions::revoke_all(&mut tx, user.id, now).await?;
    }
    let done = Action { action: "user.update", target_kind: "user", target: &user.username };
    let detail = serde_json::json!({ "role": role, "is_active": active, "password_changed": hash.is_some() });
    audit::append(&mut tx, done, &detail, now).await?;
    let user = users::get(&mut tx, user.id).await?;
    tx.commit().await?;
    app.sessions_seen.clear();
    Ok(Json(wire(user)))
}
