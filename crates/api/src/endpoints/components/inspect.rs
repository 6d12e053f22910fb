use super::{inspection, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ComponentVersionDetail, ExportedFunction, ImportedInterface};
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_store::components::{self, VersionRef};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: ComponentName,
    digest: Digest,
}

/// A version of a component, taken apart: its imports, its functions, its WIT.
#[utoipa::path(
    get,
    path = "/api/v1/components/{name}/versions/{digest}",
    tag = "components",
    operation_id = "inspect_component",
    params(
        ("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fclean`."),
        ("digest" = String, Path, description = "The SHA-256 of its bytes, in hexadecimal.")
    ),
    responses((status = 200, body = ComponentVersionDetail))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<ComponentVersionDetail>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = components::get(&mut tx, &path.name, &VersionRef::Digest(path.digest)).await?;
    let inspection = inspection(&version)?;
    let imported = inspection.imports.into_iter().map(|import| ImportedInterface {
        interface: import.interface,
        capability: import.capability,
        offered: import.offered,
    });
    let functions =
        inspection.exports.into_iter().map(|export| ExportedFunction { name: export.name, signature: export.signature });
    Ok(Json(ComponentVersionDetail {
        imported: imported.collect(),
        functions: functions.collect(),
        wit: inspection.wit,
        version: wire(version)?,
    }))
}
