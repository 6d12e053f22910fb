//! The users of the tenant, for its admins.

mod create;
mod list;
mod update;

use super::auth::{domain_role, wire_role};
use crate::App;
use crate::auth::password;
use crate::error::ApiError;
use cofferdam_api_types::{ErrorCode, UserAccount};
use cofferdam_store::users;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(update::handler))
}

fn wire(user: users::User) -> UserAccount {
    UserAccount {
        user_id: user.id,
        username: user.username,
        role: wire_role(user.role),
        is_active: user.active,
        created_at: user.created_at,
    }
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if password.chars().count() >= password::SHORTEST && password.len() <= password::LONGEST {
        return Ok(());
    }
    let detail = format!("A password has at least {} characters and at most {} bytes.", password::SHORTEST, password::LONGEST);
    Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/password"))
}
