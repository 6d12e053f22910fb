use super::tokens;
use crate::App;
use crate::auth::token::Holder;
use crate::auth::{cookie, secret};
use crate::error::ApiError;
use crate::extract::{JsonBody, check_origin};
use crate::request::RequestId;
use axum::extract::State;
use axum::{Extension, Json};
use cofferdam_api_types::{ErrorCode, RefreshRequest, TokenResponse};
use cofferdam_domain::context::Context;
use cofferdam_ids::SessionId;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::sessions::{self, Rotation};
use cofferdam_store::{tenants, users};
use http::{HeaderMap, Method};
use std::sync::Arc;

/// Why the tokens were not renewed.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error("The refresh token is unknown or expired; sign in again.")]
    Refused,
    #[error("The refresh token was used before, so somebody may have a copy of it. The session was ended; sign in again.")]
    Reused,
    #[error("The refresh token was replaced a moment ago by another request of this client; use the newer one.")]
    JustReplaced,
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        let code = match error {
            RefreshError::Refused | RefreshError::Reused => ErrorCode::InvalidRefreshToken,
            RefreshError::JustReplaced => ErrorCode::Conflict,
        };
        Self::new(code, error.to_string())
    }
}

/// Gets new tokens for a refresh token, which is used up by that. Using one twice ends the session: somebody has a copy.
/// With the cookie in place of a token, gets an access token, and the cookie goes on.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    tag = "auth",
    operation_id = "refresh",
    request_body = RefreshRequest,
    responses((status = 200, body = TokenResponse))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Json<TokenResponse>, ApiError> {
    let now = app.now();
    let by_cookie = request.refresh_token.is_none();
    let token = match &request.refresh_token {
        Some(token) => token.as_str(),
        None => {
            let token = cookie::read(&headers).ok_or(RefreshError::Refused)?;
            check_origin(&Method::POST, &headers)?;
            token
        }
    };
    let (id, shown) = secret::parse(secret::REFRESH_TOKEN, token).ok_or(RefreshError::Refused)?;
    let session = SessionId::from_uuid(id);
    let tenant = sessions::find_tenant(&app.state.store, session).await?.ok_or(RefreshError::Refused)?;
    let context = Context { request_id: request_id.0, ..Context::system(tenant, "refresh") };
    let (refresh_token, next) =
        if by_cookie { (String::new(), shown) } else { secret::generate(secret::REFRESH_TOKEN, id, &app.state.rng) };
    let mut tx = app.state.store.begin(&context).await?;
    let user = match sessions::rotate(&mut tx, session, &shown, &next, now).await? {
        Rotation::Rotated { user } => user,
        Rotation::Refused => return Err(RefreshError::Refused.into()),
        Rotation::JustReplaced => return Err(RefreshError::JustReplaced.into()),
        Rotation::Reused { user } => {
            let target = user.to_string();
            let done = Action { action: "session.reuse_detected", target_kind: "user", target: &target };
            audit::append(&mut tx, done, &serde_json::json!({ "session_id": session }), now).await?;
            tx.commit().await?;
            app.sessions_seen.clear();
            tracing::warn!(session.id = %session, user.id = %user, "a refresh token was used twice; its session was ended");
            return Err(RefreshError::Reused.into());
        }
    };
    let user = users::get(&mut tx, user).await?;
    let tenant = tenants::get(&mut tx).await?;
    // By cookie nothing was changed: the token is as before.
    if by_cookie {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    let holder =
        Holder { user: user.id, session, tenant: tenant.id, tenant_name: tenant.name, username: user.username, role: user.role };
    tokens(&app, holder, refresh_token).map(Json)
}
