use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{NewVariable, Variable};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::variables;
use std::sync::Arc;

/// Makes a variable. Tasks read it when their grant names it. The value is sealed in the database; that of a secret one is
/// shown to tasks only.
#[utoipa::path(
    post,
    path = "/api/v1/variables",
    tag = "variables",
    operation_id = "post_variable",
    request_body = NewVariable,
    responses((status = 200, body = Variable))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    JsonBody(request): JsonBody<NewVariable>,
) -> Result<Json<Variable>, ApiError> {
    let NewVariable { key, value, description, is_secret } = request;
    let now = app.now();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let new = variables::NewVariable { key: key.clone(), value, secret: is_secret, description };
    variables::create(&mut tx, &app.state.keys, &new, now).await?;
    let done = Action { action: "variable.create", target_kind: "variable", target: key.as_str() };
    audit::append(&mut tx, done, &serde_json::json!({ "is_secret": is_secret }), now).await?;
    let stored = variables::get(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(Json(wire(&app, &stored)?))
}
