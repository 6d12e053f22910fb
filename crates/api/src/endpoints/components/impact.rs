use super::super::words::diagnostic;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BrokenDag, ComponentImpact};
use cofferdam_domain::context::Context;
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_store::components::{self, VersionRef};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: ComponentName,
    digest: Digest,
}

/// What a version of a component does to the dags that name the component without a version: which get it when they are applied
/// next, and which of them are refused then, and why.
#[utoipa::path(
    get,
    path = "/api/v1/components/{name}/versions/{digest}/impact",
    tag = "components",
    operation_id = "get_component_impact",
    params(
        ("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fclean`."),
        ("digest" = String, Path, description = "The SHA-256 of its bytes, in hexadecimal.")
    ),
    responses((status = 200, body = ComponentImpact))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<ComponentImpact>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = components::get(&mut tx, &path.name, &VersionRef::Digest(path.digest)).await?;
    tx.rollback().await?;
    Ok(Json(impact(&app, &caller.context, &version).await?))
}

/// Looks at the dags that follow a component.
pub(super) async fn impact(
    app: &App,
    context: &Context,
    version: &components::ComponentVersion,
) -> Result<ComponentImpact, ApiError> {
    let found = app.state.engine.impact(context, &version.name, version).await?;
    let broken = found.broken.into_iter().map(|broken| BrokenDag {
        dag_id: broken.dag_id,
        diagnostics: broken.diagnostics.into_iter().map(|problem| diagnostic(problem, None)).collect(),
    });
    Ok(ComponentImpact { dags: found.followers, broken: broken.collect() })
}
