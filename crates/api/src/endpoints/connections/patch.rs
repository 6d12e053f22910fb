use super::{ConnectionPath, check_extra, filled, wire};
use crate::App;
use crate::endpoints::variables::masked;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Connection, ErrorCode, PatchConnection, UpdateMask};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::connections;
use std::sync::Arc;

const FIELDS: &[&str] = &["connection_id", "conn_type", "description", "host", "login", "schema", "port", "password", "extra"];

/// Changes a connection.
///
/// The password and extra stay when they are left out, also when the host changes; so one who may change a connection can send
/// them elsewhere.
#[utoipa::path(
    patch,
    path = "/api/v1/connections/{connection_id}",
    tag = "connections",
    operation_id = "patch_connection",
    params(("connection_id" = String, Path, description = "The connection."), UpdateMask),
    request_body = PatchConnection,
    responses((status = 200, body = Connection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<ConnectionPath>,
    QueryParams(query): QueryParams<UpdateMask>,
    JsonBody(request): JsonBody<PatchConnection>,
) -> Result<Json<Connection>, ApiError> {
    let id = path.connection_id;
    if request.connection_id.as_ref().is_some_and(|given| *given != id) {
        let detail = "A connection keeps its connection_id: make another one, and delete this.";
        return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/connection_id"));
    }
    let mask = masked(query.update_mask.as_deref(), FIELDS)?;
    let counts = |field: &str| mask.as_ref().is_none_or(|mask| mask.contains(&field));

    let now = app.now();
    let mut tx = app.state.store.begin(&caller.context).await?;
    let mut description = connections::get(&mut tx, &id).await?.description;
    let missing = || ApiError::not_found(format!("The connection '{id}'"));
    let mut connection = connections::read(&mut tx, &app.state.keys, &id).await?.ok_or_else(missing)?;
    let mut changed = Vec::new();
    let mut take = |field: &'static str, given: bool| {
        let takes = given && counts(field);
        if takes {
            changed.push(field);
        }
        takes
    };
    if take("conn_type", request.conn_type.is_some()) {
        connection.conn_type = request.conn_type.unwrap_or_default();
    }
    if take("description", request.description.is_some()) {
        description = request.description.flatten();
    }
    if take("host", request.host.is_some()) {
        connection.host = filled(request.host.flatten());
    }
    if take("login", request.login.is_some()) {
        connection.login = filled(request.login.flatten());
    }
    if take("schema", request.schema.is_some()) {
        connection.schema = filled(request.schema.flatten());
    }
    if take("port", request.port.is_some()) {
        connection.port = request.port.flatten();
    }
    if take("password", request.password.is_some()) {
        connection.password = filled(request.password.flatten());
    }
    if take("extra", request.extra.is_some()) {
        connection.extra = check_extra(request.extra.flatten())?;
    }
    let new = connections::NewConnection { connection, description: filled(description) };
    connections::replace(&mut tx, &app.state.keys, &new, now).await?;
    let done = Action { action: "connection.update", target_kind: "connection", target: id.as_str() };
    audit::append(&mut tx, done, &serde_json::json!({ "changed": changed, "host": new.connection.host }), now).await?;
    let entry = connections::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(wire(entry)))
}
