//! Signing in, staying signed in, signing out.

mod login;
mod logout;
mod me;
mod refresh;

use crate::App;
use crate::auth::token::Holder;
use crate::error::ApiError;
use axum::extract::ConnectInfo;
use cofferdam_api_types::{Role, TokenResponse, User};
use cofferdam_domain::context::Role as DomainRole;
use http::Extensions;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(login::handler))
        .routes(routes!(refresh::handler))
        .routes(routes!(logout::handler))
        .routes(routes!(me::handler))
}

/// Signs an access token, and puts the answer together.
fn tokens(app: &App, holder: Holder, refresh_token: String) -> Result<TokenResponse, ApiError> {
    let valid = app.state.config.access_token_valid;
    let access_token = app.state.token_keys.sign(&holder, app.now(), valid).map_err(ApiError::internal)?;
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in_s: valid.num_seconds().unsigned_abs(),
        refresh_token,
        user: User { username: holder.username, role: wire_role(holder.role), tenant: holder.tenant_name },
    })
}

/// Where the request comes from, when the server was told to note it.
fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// The role, as it is sent.
pub(super) const fn wire_role(role: DomainRole) -> Role {
    match role {
        DomainRole::Viewer => Role::Viewer,
        DomainRole::Operator => Role::Operator,
        DomainRole::Editor => Role::Editor,
        DomainRole::Admin => Role::Admin,
    }
}

/// The role that was sent.
pub(super) const fn domain_role(role: Role) -> DomainRole {
    match role {
        Role::Viewer => DomainRole::Viewer,
        Role::Operator => DomainRole::Operator,
        Role::Editor => DomainRole::Editor,
        Role::Admin => DomainRole::Admin,
    }
}
