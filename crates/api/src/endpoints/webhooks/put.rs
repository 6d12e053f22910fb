use super::{DagPath, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_api_types::Webhook;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::webhooks;
use rand::Rng as _;
use serde_json::json;
use std::sync::Arc;

/// Gives a dag a webhook with a new secret; one that it has already gets another secret, and the old one is valid no more. The answer
/// is the only place where the secret is told.
#[utoipa::path(
    put,
    path = "/api/v1/dags/{dag_id}/webhook",
    tag = "webhooks",
    operation_id = "put_webhook",
    params(("dag_id" = String, Path, description = "The dag.")),
    responses((status = 200, body = Webhook))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<DagPath>,
) -> Result<Json<Webhook>, ApiError> {
    let mut bytes = [0_u8; 32];
    app.state.rng.with(|rng| rng.fill_bytes(&mut bytes));
    let secret = format!("whsec_{}", STANDARD.encode(bytes));
    let mut tx = app.state.store.begin(&caller.context).await?;
    webhooks::put(&mut tx, &app.state.keys, &path.dag_id, &secret, app.now()).await?;
    let done = Action { action: "webhook.put", target_kind: "dag", target: path.dag_id.as_str() };
    audit::append(&mut tx, done, &json!({}), app.now()).await?;
    tx.commit().await?;
    Ok(Json(Webhook { secret: Some(secret), ..shown(&app, &caller.context, &path.dag_id).await? }))
}
