use super::DagPath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::webhooks;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// Takes the webhook of a dag away: what comes for it is refused.
#[utoipa::path(
    delete,
    path = "/api/v1/dags/{dag_id}/webhook",
    tag = "webhooks",
    operation_id = "delete_webhook",
    params(("dag_id" = String, Path, description = "The dag.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<DagPath>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    webhooks::delete(&mut tx, &path.dag_id).await?;
    let done = Action { action: "webhook.delete", target_kind: "dag", target: path.dag_id.as_str() };
    audit::append(&mut tx, done, &json!({}), app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
