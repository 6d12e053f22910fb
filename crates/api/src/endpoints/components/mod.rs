//! Components: uploaded, inspected, compiled, listed.

mod approve;
mod define;
mod get;
mod impact;
mod inspect;
mod list;
mod try_function;
mod upload;

pub(crate) use self::define::define;
pub use self::define::{WORKFLOW_FUEL, WORKFLOW_FUNCTION};
pub(crate) use self::upload::put as upload_for;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{ComponentKind, ComponentVersion};
use cofferdam_domain::permission;
use cofferdam_ids::ComponentName;
use cofferdam_sandbox::inspect::{Inspection, Kind};
use cofferdam_store::components;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(upload::handler, list::handler))
        .routes(routes!(get::handler))
        .routes(routes!(inspect::handler))
        .routes(routes!(approve::handler))
        .routes(routes!(impact::handler))
        .routes(routes!(try_function::handler))
        .routes(routes!(define::handler))
}

/// A component's name has slashes: in the path it is percent-encoded, as `weather%2Fclean`.
#[derive(Deserialize)]
pub(crate) struct NamePath {
    name: ComponentName,
}

/// What the inspection of a stored version found.
fn inspection(version: &components::ComponentVersion) -> Result<Inspection, ApiError> {
    serde_json::from_value(version.inspection.clone()).map_err(ApiError::internal)
}

fn wire(version: components::ComponentVersion) -> Result<ComponentVersion, ApiError> {
    let inspection = inspection(&version)?;
    Ok(ComponentVersion {
        name: version.name,
        digest: version.digest,
        version_number: version.version_number,
        kind: match inspection.kind {
            Kind::Task => ComponentKind::Task,
            Kind::Command => ComponentKind::Command,
            Kind::Library => ComponentKind::Library,
        },
        size_bytes: version.size_bytes,
        imports: inspection.imports.into_iter().map(|import| import.interface).collect(),
        exports: inspection.exports.into_iter().map(|export| export.name).collect(),
        label: version.label,
        permissions: permission::permissions(&version.inspection).into_iter().collect(),
        needs_approval: version.approved_at.is_none(),
        asks_more: version.asks_more,
        approved_at: version.approved_at,
        approved_by: version.approved_by,
        created_at: version.created_at,
        adapted_from: inspection.adapted_from,
        created: false,
        compile_ms: None,
        impact: None,
    })
}
