use crate::App;
use crate::auth::{cookie, secret};
use crate::error::ApiError;
use crate::extract::{JsonBody, check_origin};
use crate::request::RequestId;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::RefreshRequest;
use cofferdam_domain::context::Context;
use cofferdam_ids::SessionId;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::sessions::{self, Rotation};
use http::{HeaderMap, Method, StatusCode, header};
use std::sync::Arc;

/// Ends the session of a refresh token, or of the cookie. Doing it again does nothing.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    tag = "auth",
    operation_id = "logout",
    request_body = RefreshRequest,
    responses((status = 204, description = "The session has ended."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    let by_cookie = cookie::read(&headers).map(str::to_owned);
    if request.refresh_token.is_none() && by_cookie.is_some() {
        check_origin(&Method::POST, &headers)?;
    }
    if let Some(token) = request.refresh_token.or(by_cookie) {
        end(&app, &token, request_id.0).await?;
    }
    let remove = cookie::remove(app.state.config.cookie_secure);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, remove)]).into_response())
}

async fn end(app: &App, token: &str, request_id: String) -> Result<(), ApiError> {
    let Some((id, hash)) = secret::parse(secret::REFRESH_TOKEN, token) else { return Ok(()) };
    let session = SessionId::from_uuid(id);
    let Some(tenant) = sessions::find_tenant(&app.state.store, session).await? else { return Ok(()) };
    let context = Context { request_id, ..Context::system(tenant, "sign-out") };
    let mut tx = app.state.store.begin(&context).await?;
    // Only who has the token may end the session: its id alone is no secret.
    let Rotation::Rotated { user } = sessions::rotate(&mut tx, session, &hash, &hash, app.now()).await? else { return Ok(()) };
    sessions::revoke(&mut tx, session, app.now()).await?;
    let target = user.to_string();
    let done = Action { action: "session.end", target_kind: "user", target: &target };
    audit::append(&mut tx, done, &serde_json::json!({ "session_id": session }), app.now()).await?;
    tx.commit().await?;
    app.sessions_seen.clear();
    Ok(())
}
