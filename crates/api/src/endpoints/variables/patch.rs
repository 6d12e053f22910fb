use super::{VariablePath, masked, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, PatchVariable, UpdateMask, Variable};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::variables;
use std::sync::Arc;

const FIELDS: &[&str] = &["key", "value", "description", "is_secret"];

/// Changes a variable.
#[utoipa::path(
    patch,
    path = "/api/v1/variables/{variable_key}",
    tag = "variables",
    operation_id = "patch_variable",
    params(("variable_key" = String, Path, description = "The variable."), UpdateMask),
    request_body = PatchVariable,
    responses((status = 200, body = Variable))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<VariablePath>,
    QueryParams(query): QueryParams<UpdateMask>,
    JsonBody(request): JsonBody<PatchVariable>,
) -> Result<Json<Variable>, ApiError> {
    let key = path.variable_key;
    if request.key.as_ref().is_some_and(|given| *given != key) {
        return Err(
            ApiError::new(ErrorCode::InvalidBody, "A variable keeps its key: make another one, and delete this.").at("/key")
        );
    }
    let mask = masked(query.update_mask.as_deref(), FIELDS)?;
    let counts = |field: &str| mask.as_ref().is_none_or(|mask| mask.contains(&field));
    let value = request.value.filter(|_| counts("value"));
    let description = request.description.filter(|_| counts("description"));
    let secret = request.is_secret.filter(|_| counts("is_secret"));

    let now = app.now();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let stored = variables::get(&mut tx, &key).await?;
    if stored.secret && secret == Some(false) && value.is_none() {
        let detail = "A secret variable is shown again only together with a new value.";
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/is_secret"));
    }
    let detail = serde_json::json!({
        "value_changed": value.is_some(), "is_secret": secret.unwrap_or(stored.secret),
    });
    let new = variables::NewVariable {
        key: key.clone(),
        value: value.map_or_else(|| stored.open(&app.state.keys), Ok)?,
        secret: secret.unwrap_or(stored.secret),
        description: description.unwrap_or_else(|| stored.description.clone()),
    };
    variables::replace(&mut tx, &app.state.keys, &new, now).await?;
    let done = Action { action: "variable.update", target_kind: "variable", target: key.as_str() };
    audit::append(&mut tx, done, &detail, now).await?;
    let stored = variables::get(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(Json(wire(&app, &stored)?))
}
