use super::{check_extra, filled, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Connection, NewConnection};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::connections;
use std::sync::Arc;

/// Makes a connection. Tasks read it when their grant names it. Password and extra are sealed in the database and never in
/// an answer.
#[utoipa::path(
    post,
    path = "/api/v1/connections",
    tag = "connections",
    operation_id = "post_connection",
    request_body = NewConnection,
    responses((status = 200, body = Connection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    JsonBody(request): JsonBody<NewConnection>,
) -> Result<Json<Connection>, ApiError> {
    let now = app.now();
    let id = request.connection_id;
    let connection = cofferdam_domain::connection::Connection {
        connection_id: id.clone(),
        conn_type: request.conn_type,
        host: filled(request.host),
        port: request.port,
        login: filled(request.login),
        password: filled(request.password),
        schema: filled(request.schema),
        extra: check_extra(request.extra)?,
    };
    let new = connections::NewConnection { connection, description: filled(request.description) };
    let mut tx = app.state.store.begin(&caller.context).await?;
    connections::create(&mut tx, &app.state.keys, &new, now).await?;
    let done = Action { action: "connection.create", target_kind: "connection", target: id.as_str() };
    let detail = serde_json::json!({ "conn_type": new.connection.conn_type, "host": new.connection.host });
    audit::append(&mut tx, done, &detail, now).await?;
    let entry = connections::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(wire(entry)))
}
