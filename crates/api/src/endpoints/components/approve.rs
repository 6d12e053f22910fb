use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::ComponentVersion;
use cofferdam_domain::context::{Context, Principal};
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::{Tx, components};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: ComponentName,
    digest: Digest,
}

/// Approves a version that asks for more than the approved one before it. From then on dags can use it. Approving it again
/// changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/components/{name}/versions/{digest}/approve",
    tag = "components",
    operation_id = "approve_component",
    params(
        ("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fclean`."),
        ("digest" = String, Path, description = "The SHA-256 of its bytes, in hexadecimal.")
    ),
    responses((status = 200, body = ComponentVersion))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<ComponentVersion>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = approve(&app, &caller.context, &mut tx, &path.name, &path.digest).await?;
    tx.commit().await?;
    Ok(Json(wire(version)?))
}

/// Approves, and notes who did.
pub(super) async fn approve(
    app: &App,
    context: &Context,
    tx: &mut Tx<'_>,
    name: &ComponentName,
    digest: &Digest,
) -> Result<components::ComponentVersion, ApiError> {
    let now = app.now();
    let by = match &context.principal {
        Principal::User { name, .. } => name.as_str(),
        Principal::System(part) => part,
    };
    let (version, approved) = components::approve(tx, name, digest, by, now).await?;
    if approved {
        let target = format!("{name}@{digest}");
        let done = Action { action: "component.approve", target_kind: "component", target: &target };
        audit::append(tx, done, &json!({ "asks_more": version.asks_more }), now).await?;
        tracing::info!(component.name = %name, component.digest = %digest, "component approved");
    }
    Ok(version)
}
