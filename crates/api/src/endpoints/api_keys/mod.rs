//! API keys: long-lived credentials for programs.

mod create;
mod delete;
mod list;

use super::auth::{domain_role, wire_role};
use crate::App;
use cofferdam_api_types::ApiKey;
use cofferdam_store::api_keys;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(delete::handler))
}

fn wire(key: api_keys::ApiKey) -> ApiKey {
    ApiKey {
        api_key_id: key.id,
        name: key.name,
        role: wire_role(key.role),
        user_id: key.user,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
    }
}
