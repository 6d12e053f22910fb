use super::wire_role;
use crate::App;
use crate::error::ApiError;
use crate::extract::OptionalCaller;
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Me, User};
use cofferdam_domain::context::Principal;
use cofferdam_store::tenants;
use std::sync::Arc;

/// Who is signed in; `null` when nobody is, so that a console can ask without an error.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth", operation_id = "me", responses((status = 200, body = Me)))]
pub(crate) async fn handler(State(app): State<Arc<App>>, OptionalCaller(context): OptionalCaller) -> Result<Json<Me>, ApiError> {
    let Some(context) = context else { return Ok(Json(Me { user: None })) };
    let mut tx = app.state.store.begin(&context).await?;
    let tenant = tenants::get(&mut tx).await?.name;
    let username = match context.principal {
        Principal::User { name, .. } => name,
        Principal::System(part) => part.to_owned(),
    };
    Ok(Json(Me { user: Some(User { username, role: wire_role(context.role), tenant }) }))
}
