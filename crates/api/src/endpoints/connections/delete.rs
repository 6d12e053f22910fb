use super::ConnectionPath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::connections;
use http::StatusCode;
use std::sync::Arc;

/// Removes a connection.
#[utoipa::path(
    delete,
    path = "/api/v1/connections/{connection_id}",
    tag = "connections",
    operation_id = "delete_connection",
    params(("connection_id" = String, Path, description = "The connection.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<ConnectionPath>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    connections::delete(&mut tx, &path.connection_id).await?;
    let done = Action { action: "connection.delete", target_kind: "connection", target: path.connection_id.as_str() };
    audit::append(&mut tx, done, &serde_json::json!({}), app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
