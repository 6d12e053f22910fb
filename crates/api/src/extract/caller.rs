use super::basic;
use crate::App;
use crate::auth::{cookie, secret};
use crate::error::ApiError;
use crate::request::RequestId;
use axum::extract::FromRequestParts;
use cofferdam_api_types::{CSRF_HEADER, ErrorCode};
use cofferdam_domain::context::{Context, Principal, Role};
use cofferdam_ids::{ApiKeyId, SessionId};
use cofferdam_store::{api_keys, sessions, users};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use std::marker::PhantomData;
use std::sync::Arc;

/// A role that an endpoint asks for.
pub(crate) trait Needs: Send + Sync + 'static {
    const ROLE: Role;
}

macro_rules! needs {
    ($($name:ident)*) => {$(
        #[doc = concat!("The endpoint needs the role of ", stringify!($name), " at least.")]
        pub(crate) struct $name;
        impl Needs for $name { const ROLE: Role = Role::$name; }
    )*};
}
needs!(Viewer Operator Editor Admin);

/// Who calls, with at least the role that the endpoint asks for.
pub(crate) struct Caller<R> {
    pub context: Context,
    role: PhantomData<R>,
}

impl<R: Needs> FromRequestParts<Arc<App>> for Caller<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let context = identify(parts, app).await?.ok_or_else(unauthenticated)?;
        context.require(R::ROLE)?;
        Ok(Self { context, role: PhantomData })
    }
}

/// Who calls, if anybody is known.
pub(crate) struct OptionalCaller(pub Option<Context>);

impl FromRequestParts<Arc<App>> for OptionalCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match identify(parts, app).await {
            Ok(found) => Ok(Self(found)),
            Err(error) if error.problem().code == ErrorCode::Unauthenticated => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }
}

fn unauthenticated() -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated, "Send an access token or an API key as 'Authorization: Bearer …', or sign in.")
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Finds out who calls. None when nothing was shown; an error when what was shown is not valid.
pub(crate) async fn identify(parts: &Parts, app: &App) -> Result<Option<Context>, ApiError> {
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    if let Some(authorization) = parts.headers.get(header::AUTHORIZATION) {
        let authorization = authorization.to_str().ok();
        if let Some(encoded) = authorization.and_then(basic::encoded) {
            return basic::identify(app, encoded, &parts.extensions, request_id).await.map(Some);
        }
        let token = authorization.and_then(bearer).ok_or_else(unauthenticated)?;
        return if token.starts_with("cdk_") {
            by_api_key(app, token, request_id).await.map(Some)
        } else {
            by_access_token(app, token, request_id).map(Some)
        };
    }
    match cookie::read(&parts.headers) {
        Some(token) => {
            check_origin(&parts.method, &parts.headers)?;
            by_cookie(app, token, request_id).await.map(Some)
        }
        None => Ok(None),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn by_access_token(app: &App, token: &str, request_id: String) -> Result<Context, ApiError> {
    let holder = app.state.token_keys.verify(token, app.now()).ok_or_else(unauthenticated)?;
    let principal = Principal::User { id: holder.user, name: holder.username };
    Ok(Context { tenant: holder.tenant, principal, role: holder.role, request_id })
}

async fn by_api_key(app: &App, key: &str, request_id: String) -> Result<Context, ApiError> {
    let (id, hash) = secret::parse(secret::API_KEY, key).ok_or_else(unauthenticated)?;
    let verified =
        api_keys::verify(&app.state.store, ApiKeyId::from_uuid(id), &hash, app.now()).await?.ok_or_else(unauthenticated)?;
    let principal = Principal::User { id: verified.user, name: verified.username };
    Ok(Context { tenant: verified.tenant, principal, role: verified.role, request_id })
}

async fn by_cookie(app: &App, token: &str, request_id: String) -> Result<Context, ApiError> {
    let (id, hash) = secret::parse(secret::REFRESH_TOKEN, token).ok_or_else(unauthenticated)?;
    let session = SessionId::from_uuid(id);
    if let Some(context) = app.sessions_seen.get(&hash, app.now()) {
        return Ok(Context { request_id, ..context });
    }
    let tenant = sessions::find_tenant(&app.state.store, session).await?.ok_or_else(unauthenticated)?;
    let mut tx = app.state.store.begin(&Context::system(tenant, "session")).await?;
    // A rotation to the same token, undone: it answers whether the token is in force and changes nothing.
    let sessions::Rotation::Rotated { user } = sessions::rotate(&mut tx, session, &hash, &hash, app.now()).await? else {
        return Err(unauthenticated());
    };
    let user = users::get(&mut tx, user).await?;
    tx.rollback().await?;
    let context =
        Context { tenant, principal: Principal::User { id: user.id, name: user.username }, role: user.role, request_id };
    app.sessions_seen.put(hash, context.clone(), app.now());
    Ok(context)
}

/// A browser sends its cookie whoever makes the request. `SameSite=Strict` keeps other sites out; this keeps out what is the
/// same site and another origin, and old browsers: a change needs our own header or our own origin.
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let same_origin = || {
        let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
        let host = headers.get(header::HOST)?.to_str().ok()?;
        (origin.split_once("://")?.1 == host).then_some(())
    };
    if headers.contains_key(CSRF_HEADER) || same_origin().is_some() {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::CrossSiteRequest,
        format!("A change with the session cookie needs the header '{CSRF_HEADER}', or an Origin that is this host."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_by_cookie_must_come_from_the_console() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("cofferdam.test:8080"));
        assert!(check_origin(&Method::GET, &headers).is_ok());
        assert!(check_origin(&Method::POST, &headers).is_err());
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.test"));
        assert!(check_origin(&Method::POST, &headers).is_err());
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://cofferdam.test:8080"));
        assert!(check_origin(&Method::POST, &headers).is_ok());
        headers.remove(header::ORIGIN);
        headers.insert(CSRF_HEADER, HeaderValue::from_static("1"));
        assert!(check_origin(&Method::DELETE, &headers).is_ok());
    }

    #[test]
    fn only_bearer_is_a_token() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
    }
}
