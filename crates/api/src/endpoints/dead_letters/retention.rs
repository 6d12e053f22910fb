use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, JsonBody, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DeadLetterRetention, ErrorCode, SetDeadLetterRetention};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::{Tx, tenants};
use serde_json::json;
use std::sync::Arc;

/// The longest that a tenant may ask for: ten years.
const LONGEST_S: u64 = 315_360_000;

/// How long the tenant keeps dead letters that were resolved or discarded.
#[utoipa::path(
    get,
    path = "/api/v1/deadLetters/retention",
    tag = "dead-letters",
    operation_id = "get_dead_letter_retention",
    responses((status = 200, body = DeadLetterRetention))
)]
pub(crate) async fn get(State(app): State<Arc<App>>, caller: Caller<Viewer>) -> Result<Json<DeadLetterRetention>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(Json(shown(&app, &mut tx).await?))
}

/// Sets how long the tenant keeps dead letters that were resolved or discarded. Open letters stay whatever it says.
#[utoipa::path(
    put,
    path = "/api/v1/deadLetters/retention",
    tag = "dead-letters",
    operation_id = "set_dead_letter_retention",
    request_body = SetDeadLetterRetention,
    responses((status = 200, body = DeadLetterRetention))
)]
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    JsonBody(body): JsonBody<SetDeadLetterRetention>,
) -> Result<Json<DeadLetterRetention>, ApiError> {
    if body.kept_s.is_some_and(|kept| kept > LONGEST_S) {
        let detail = format!("Dead letters are kept for at most {LONGEST_S} seconds, which are ten years.");
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/kept_s"));
    }
    let mut tx = app.state.store.begin(&caller.context).await?;
    tenants::keep_letters(&mut tx, body.kept_s).await?;
    let name = tenants::get(&mut tx).await?.name;
    let done = Action { action: "dead_letter.retention", target_kind: "tenant", target: name.as_str() };
    audit::append(&mut tx, done, &json!({ "kept_s": body.kept_s }), app.now()).await?;
    let shown = shown(&app, &mut tx).await?;
    tx.commit().await?;
    Ok(Json(shown))
}

async fn shown(app: &App, tx: &mut Tx<'_>) -> Result<DeadLetterRetention, ApiError> {
    let default_s = u64::try_from(app.state.engine.letters_kept().num_seconds()).unwrap_or(0);
    let own = tenants::letters_kept(tx).await?;
    Ok(DeadLetterRetention { kept_s: own.unwrap_or(default_s), is_default: own.is_none(), default_s })
}
