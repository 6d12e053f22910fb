use super::{inspection, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ComponentVersionDetail, ExportedFunction, FunctionParameter, ImportedInterface};
use cofferdam_domain::wit::{Field, WitFunction, WitType};
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_sandbox::inspect::{Inspection, Kind};
use cofferdam_store::components::{self, VersionRef};
use serde::Deserialize;
use serde_json::json;
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
    let functions = functions(&inspection);
    let imported = inspection.imports.into_iter().map(|import| ImportedInterface {
        interface: import.interface,
        capability: import.capability,
        offered: import.offered,
    });
    Ok(Json(ComponentVersionDetail { imported: imported.collect(), functions, wit: inspection.wit, version: wire(version)? }))
}

/// What a task can call: `run` of a task or a program, and the typed functions.
fn functions(inspection: &Inspection) -> Vec<ExportedFunction> {
    let entered = match inspection.kind {
        Kind::Task | Kind::Command => inspection.exports.as_slice(),
        // What a library exports is told with more in its typed functions.
        Kind::Library => &[],
    };
    let entered = entered.iter().map(|export| match &inspection.run {
        Some(run) => told(run),
        None => ExportedFunction {
            name: export.name.clone(),
            signature: export.signature.clone(),
            docs: None,
            parameters: Vec::new(),
            result: None,
            // Any JSON.
            input_schema: Some(json!({})),
            output_schema: Some(json!({})),
            refused: None,
        },
    });
    entered.chain(inspection.functions.iter().map(typed)).collect()
}

/// `run` of a task that tells its types: the input is its parameter, not an object with a key for it.
fn told(run: &WitFunction) -> ExportedFunction {
    let takes = run.params.first().map(|param| param.ty.schema_of_whole(run.docs.as_deref()));
    let fields = match run.params.first().map(|param| &param.ty) {
        Some(WitType::Record { fields, .. }) => fields.as_slice(),
        _ => &[],
    };
    ExportedFunction { parameters: fields.iter().map(parameter).collect(), input_schema: takes, ..typed(run) }
}

fn parameter(field: &Field) -> FunctionParameter {
    FunctionParameter { name: field.name.clone(), kind: field.ty.to_string() }
}

fn typed(function: &WitFunction) -> ExportedFunction {
    let callable = function.refused.is_none();
    ExportedFunction {
        name: function.path(),
        signature: if callable { function.signature() } else { String::new() },
        docs: function.docs.clone(),
        parameters: function.params.iter().map(parameter).collect(),
        result: function.result.as_ref().map(WitType::to_string),
        input_schema: callable.then(|| function.input_schema()),
        output_schema: callable.then(|| function.output_schema()),
        refused: function.refused.clone(),
    }
}
