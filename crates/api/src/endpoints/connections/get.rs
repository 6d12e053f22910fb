use super::{ConnectionPath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Connection;
use cofferdam_store::connections;
use std::sync::Arc;

/// A connection, without password and extra.
#[utoipa::path(
    get,
    path = "/api/v1/connections/{connection_id}",
    tag = "connections",
    operation_id = "get_connection",
    params(("connection_id" = String, Path, description = "The connection.")),
    responses((status = 200, body = Connection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<ConnectionPath>,
) -> Result<Json<Connection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(Json(wire(connections::get(&mut tx, &path.connection_id).await?)))
}
