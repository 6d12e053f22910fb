//! HTTP Basic ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)): name and password with each request, as Airflow's clients send them.
//!
//! The name is that of a user of the default tenant, or `tenant/name`. Guessing is bounded as it is for signing in. What was found
//! right is remembered for seconds, so that a client which asks ten things costs one look at its password.

use crate::App;
use crate::auth::password;
use crate::bootstrap::DEFAULT_TENANT;
use crate::error::ApiError;
use axum::extract::ConnectInfo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_api_types::ErrorCode;
use cofferdam_domain::context::{Context, Principal};
use cofferdam_ids::TenantName;
use cofferdam_store::{tenants, users};
use http::{Extensions, HeaderValue, header};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

/// What follows the word `Basic`.
pub(super) fn encoded(authorization: &str) -> Option<&str> {
    let (scheme, rest) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())
}

fn refused() -> ApiError {
    let detail = "The name or the password is not right. The name is that of a user of the default tenant, or 'tenant/name'.";
    ApiError::new(ErrorCode::Unauthenticated, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"cofferdam\""))
}

/// Finds out whose name and password these are.
pub(super) async fn identify(app: &App, encoded: &str, extensions: &Extensions, request_id: String) -> Result<Context, ApiError> {
    let now = app.now();
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)?;
    let (name, given) = decoded.split_once(':').ok_or_else(refused)?;
    let (tenant, name) = name.split_once('/').unwrap_or((DEFAULT_TENANT, name));
    // With a word of its own before it, so that it is no hash of a token.
    let hash = Sha256::digest(format!("basic {decoded}").as_bytes()).into();
    if let Some(context) = app.sessions_seen.get(&hash, now) {
        return Ok(Context { request_id, ..context });
    }
    let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    app.logins.attempt(tenant, name, address, now).map_err(|wait_s| {
        let detail = format!("There were too many attempts for this name; try again in {wait_s} s.");
        ApiError::new(ErrorCode::TooManyAttempts, detail).with_header(header::RETRY_AFTER, HeaderValue::from(wait_s))
    })?;
    // An unknown tenant or user takes as long as a wrong password.
    let found = match TenantName::new(tenant) {
        Ok(tenant) => tenants::find_id(&app.state.store, &tenant).await?,
        Err(_) => None,
    };
    let found = match found {
        Some(tenant) => {
            let mut tx = app.state.store.begin(&Context::system(tenant, "sign-in")).await?;
            users::by_username(&mut tx, name).await?.map(|credentials| (tenant, credentials))
        }
        None => None,
    };
    let kept = found.as_ref().and_then(|(_, credentials)| credentials.password_hash.as_deref());
    let given = if given.len() <= password::LONGEST { given } else { "" };
    let matches = app.passwords.verify(given, kept).await.map_err(ApiError::internal)?;
    let (tenant_id, user) = match found {
        Some((tenant_id, credentials)) if matches && credentials.user.active => (tenant_id, credentials.user),
        _ => return Err(refused()),
    };
    app.logins.forget(tenant, name, address);
    let principal = Principal::User { id: user.id, name: user.username };
    let context = Context { tenant: tenant_id, principal, role: user.role, request_id };
    app.sessions_seen.put(hash, context.clone(), now);
    Ok(context)
}
