use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, SentEvent};
use cofferdam_store::audit::Action;
use serde::Deserialize;
use std::sync::Arc;

/// Characters of the name of an event.
const LONGEST: usize = 250;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: String,
}

/// Sends an event: the tasks of the tenant that wait for one of this name (that ended with `defer`) go on at once. One that
/// nobody waits for is forgotten.
#[utoipa::path(
    post,
    path = "/api/v1/events/{name}",
    tag = "events",
    operation_id = "send_event",
    params(("name" = String, Path, description = "The name of the event, as the tasks gave it.")),
    responses((status = 200, body = SentEvent))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(Path { name }): PathParams<Path>,
) -> Result<Json<SentEvent>, ApiError> {
    if name.is_empty() || name.chars().count() > LONGEST || name.contains('\0') {
        let detail = format!("The name of an event has from 1 to {LONGEST} characters.");
        return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
    }
    let woken = app.state.engine.send_event(&caller.context, &name).await?;
    let done = Action { action: "event.send", target_kind: "event", target: &name };
    crate::endpoints::audit_after(&app, &caller.context, done, serde_json::json!({ "woken": woken })).await;
    Ok(Json(SentEvent { woken }))
}
