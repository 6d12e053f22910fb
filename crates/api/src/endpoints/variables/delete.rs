use super::VariablePath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::variables;
use http::StatusCode;
use std::sync::Arc;

/// Removes a variable.
#[utoipa::path(
    delete,
    path = "/api/v1/variables/{variable_key}",
    tag = "variables",
    operation_id = "delete_variable",
    params(("variable_key" = String, Path, description = "The variable.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<VariablePath>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    variables::delete(&mut tx, &path.variable_key).await?;
    let done = Action { action: "variable.delete", target_kind: "variable", target: path.variable_key.as_str() };
    audit::append(&mut tx, done, &serde_json::json!({}), app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
