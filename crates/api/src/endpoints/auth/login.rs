use super::{address, tokens};
use crate::App;
use crate::auth::token::Holder;
use crate::auth::{cookie, password, secret};
use crate::bootstrap::DEFAULT_TENANT;
use crate::error::ApiError;
use crate::extract::JsonBody;
use crate::request::RequestId;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cofferdam_api_types::{ErrorCode, LoginRequest, TokenResponse};
use cofferdam_domain::context::{Context, Principal};
use cofferdam_ids::{SessionId, TenantName};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::{sessions, tenants, users};
use http::{Extensions, HeaderValue, header};
use std::sync::Arc;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    #[error("The tenant, the name or the password is wrong.")]
    InvalidCredentials,
    #[error("There were too many attempts for this name; try again in {wait_s} s.")]
    TooManyAttempts { wait_s: u64 },
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::InvalidCredentials => Self::new(ErrorCode::InvalidCredentials, error.to_string()),
            LoginError::TooManyAttempts { wait_s } => Self::new(ErrorCode::TooManyAttempts, error.to_string())
                .with_header(header::RETRY_AFTER, HeaderValue::from(wait_s)),
        }
    }
}

/// Signs in. The answer has the tokens; a browser also gets a cookie that scripts cannot read.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    tag = "auth",
    operation_id = "login",
    request_body = LoginRequest,
    responses((status = 200, body = TokenResponse))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    extensions: Extensions,
    JsonBody(login): JsonBody<LoginRequest>,
) -> Result<Response, ApiError> {
    let now = app.now();
    let address = address(&extensions);
    let tenant_name = match login.tenant {
        Some(name) => name,
        None => TenantName::new(DEFAULT_TENANT).map_err(ApiError::internal)?,
    };
    app.logins.attempt(tenant_name.as_str(), &login.username, address, now).map_err(|wait_s| {
        tracing::warn!(tenant.name = %tenant_name, "too many attempts to sign in");
        LoginError::TooManyAttempts { wait_s }
    })?;

    // An unknown tenant or user takes as long as a wrong password, and is answered in the same words.
    let found = match tenants::find_id(&app.state.store, &tenant_name).await? {
        Some(tenant) => {
            let context = Context { request_id: request_id.0.clone(), ..Context::system(tenant, "sign-in") };
            let mut tx = app.state.store.begin(&context).await?;
            users::by_username(&mut tx, &login.username).await?.map(|credentials| (tenant, credentials))
        }
        None => None,
    };
    let hash = found.as_ref().and_then(|(_, credentials)| credentials.password_hash.as_deref());
    let password = if login.password.len() <= password::LONGEST { login.password.as_str() } else { "" };
    let matches = app.passwords.verify(password, hash).await.map_err(ApiError::internal)?;
    let (tenant, user) = match found {
        Some((tenant, credentials)) if matches && credentials.user.active => (tenant, credentials.user),
        _ => {
            metrics::counter!("cofferdam_logins_total", "result" => "refused").increment(1);
            return Err(LoginError::InvalidCredentials.into());
        }
    };
    app.logins.forget(tenant_name.as_str(), &login.username, address);

    let session = SessionId::generate();
    let (refresh_token, token_hash) = secret::generate(secret::REFRESH_TOKEN, session.uuid(), &app.state.rng);
    let valid = app.state.config.session_valid;
    let context = Context {
        tenant,
        principal: Principal::User { id: user.id, name: user.username.clone() },
        role: user.role,
        request_id: request_id.0,
    };
    let mut tx = app.state.store.begin(&context).await?;
    sessions::create(&mut tx, session, user.id, &token_hash, now + valid, now).await?;
    let done = Action { action: "session.create", target_kind: "user", target: &user.username };
    audit::append(&mut tx, done, &serde_json::json!({}), now).await?;
    tx.commit().await?;
    metrics::counter!("cofferdam_logins_total", "result" => "accepted").increment(1);

    let set_cookie = cookie::set(&refresh_token, valid, app.state.config.cookie_secure);
    let holder = Holder { user: user.id, session, tenant, tenant_name, username: user.username, role: user.role };
    Ok(([(header::SET_COOKIE, set_cookie)], Json(tokens(&app, holder, refresh_token)?)).into_response())
}
