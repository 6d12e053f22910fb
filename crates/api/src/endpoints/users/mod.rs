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
use cofferdam_api_types::{ErrorCode, Nothing, Role, RoleName, UserAccount};
use cofferdam_store::users::{self, UserNames};
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
        first_name: user.names.first.unwrap_or(user.display_name),
        last_name: user.names.last.unwrap_or_default(),
        email: user.names.email.unwrap_or_default(),
        active: user.active,
        roles: vec![RoleName { name: role }],
        created_on: Some(user.created_at),
        changed_on: Nothing,
        last_login: Nothing,
        login_count: Nothing,
        failed_login_count: Nothing,
    }
}

/// The role that a request names: in `role`, or in `roles`, of which the highest holds the rights of the others.
fn one_role(role: Option<Role>, roles: Option<&[RoleName]>) -> Result<Option<Role>, ApiError> {
    match (role, roles) {
        (role, None | Some([])) => Ok(role),
        (None, Some(several)) => Ok(several.iter().map(|one| one.name).max_by_key(|role| domain_role(*role))),
        (Some(_), Some(_)) => {
            let detail = "Give what a user may do in 'role' or in 'roles', one of them.";
            Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/roles"))
        }
    }
}

/// The names and the mail address that a request gives; what is empty is none.
fn names(first: Option<String>, last: Option<String>, email: Option<String>) -> Result<UserNames, ApiError> {
    let checked = |field: &str, text: Option<String>, most: usize| match text.filter(|text| !text.trim().is_empty()) {
        Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => {
            let detail = format!("It has at most {most} characters, and no control characters.");
            Err(ApiError::new(ErrorCode::InvalidBody, detail).at(format!("/{field}")))
        }
        text => Ok(text),
    };
    Ok(UserNames {
        first: checked("first_name", first, 256)?,
        last: checked("last_name", last, 256)?,
        email: checked("email", email, 320)?,
    })
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if password.chars().count() >= password::SHORTEST && password.len() <= password::LONGEST {
        return Ok(());
    }
    let detail = format!("A password has at least {} characters and at most {} bytes.", password::SHORTEST, password::LONGEST);
    Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/password"))
}
