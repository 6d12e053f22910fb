//! Connections: how tasks reach what is outside. Paths and bodies are those of Airflow 2.10, but for the password and extra,
//! which can be written and not read.

mod create;
mod delete;
mod get;
mod list;
mod patch;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{Connection, ErrorCode};
use cofferdam_ids::ConnectionId;
use cofferdam_store::connections::ConnectionEntry;
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(
        get::handler,
        patch::handler,
        delete::handler
    ))
}

/// Names a connection.
#[derive(Deserialize)]
struct ConnectionPath {
    connection_id: ConnectionId,
}

fn wire(entry: ConnectionEntry) -> Connection {
    Connection {
        connection_id: entry.connection_id,
        conn_type: entry.conn_type,
        description: entry.description,
        host: entry.host,
        login: entry.login,
        schema: entry.schema,
        port: entry.port,
        has_password: entry.has_password,
        has_extra: entry.has_extra,
        created_at: entry.created_at,
        updated_at: entry.updated_at,
    }
}

/// `extra` is a JSON object, as text, or nothing.
pub(super) fn check_extra(extra: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(extra) = extra.filter(|extra| !extra.trim().is_empty()) else { return Ok(None) };
    match serde_json::from_str::<serde_json::Value>(&extra) {
        Ok(value) if value.is_object() => Ok(Some(extra)),
        Ok(_) => Err(ApiError::new(ErrorCode::InvalidBody, "'extra' is a JSON object, as text.").at("/extra")),
        // Where it is wrong, and not what is there: that may be secret.
        Err(error) => {
            let detail = format!("'extra' is not JSON, at line {}, column {}.", error.line(), error.column());
            Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/extra"))
        }
    }
}

/// The text, when there is any.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
