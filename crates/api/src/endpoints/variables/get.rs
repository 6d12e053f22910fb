use super::{VariablePath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Variable;
use cofferdam_store::variables;
use std::sync::Arc;

/// A variable. The value of a secret one is null.
#[utoipa::path(
    get,
    path = "/api/v1/variables/{variable_key}",
    tag = "variables",
    operation_id = "get_variable",
    params(("variable_key" = String, Path, description = "The variable.")),
    responses((status = 200, body = Variable))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<VariablePath>,
) -> Result<Json<Variable>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let stored = variables::get(&mut tx, &path.variable_key).await?;
    Ok(Json(wire(&app, &stored)?))
}
