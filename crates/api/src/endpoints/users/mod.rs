//! The users of the tenant, for its admins.

mod create;
mod delete;
mod get;
mod list;
mod update;

use super::auth::{domain_role, wire_role};
use crate::App;
use crate::auth::password;
use crate::error::ApiError;
use cofferdam_api_types::{ErrorCode, Role, RoleName, UserAccount};
use cofferdam_store::users;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(
        get::handler,
        update::handler,
        delete::handler
    ))
}

fn wire(user: users::User) -> UserAccount {
    let role = wire_role(user.role);
    UserAccount {
        user_id: user.id,
        username: user.username,
        role,
        is_active: user.active,
        created_at: user.created_at,
        first_name: user.display_name,
        last_name: String::new(),
        email: String::new(),
        active: user.active,
        roles: vec![RoleName { name: role }],
        created_on: Some(user.created_at),
    }
}

/// The role that a request names: in `role`, or as the only one in `roles`.
fn one_role(role: Option<Role>, roles: Option<&[RoleName]>) -> Result<Option<Role>, ApiError> {
    match (role, roles) {
        (role, None | Some([])) => Ok(role),
        (None, Some([one])) => Ok(Some(one.name)),
        _ => {
            let detail = "A user has one role: give it in 'role', or as the only one in 'roles'.";
            Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/roles"))
        }
    }
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if password.chars().count() >= password::SHORTEST && password.len() <= password::LONGEST {
        return Ok(());
    }
    let detail = format!("A password has at least {} characters and at most {} bytes.", password::SHORTEST, password::LONGEST);
    Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/password"))
}
