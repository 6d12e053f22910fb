use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ConnectionCollection, Page};
use cofferdam_store::connections;
use std::sync::Arc;

/// The connections of the tenant, by name.
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    tag = "connections",
    operation_id = "get_connections",
    params(Page),
    responses((status = 200, body = ConnectionCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<ConnectionCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = connections::list(&mut tx, page).await?;
    let connections = listed.items.into_iter().map(wire).collect();
    Ok(Json(ConnectionCollection { connections, total_entries: listed.total }))
}
