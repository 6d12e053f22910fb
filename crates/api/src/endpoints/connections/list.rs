use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ConnectionCollection, OrderedPage};
use cofferdam_store::connections::{self, ConnectionField};
use std::sync::Arc;

const FIELDS: [(&str, ConnectionField); 6] = [
    ("connection_id", ConnectionField::Name),
    ("conn_type", ConnectionField::Type),
    ("description", ConnectionField::Description),
    ("host", ConnectionField::Host),
    ("port", ConnectionField::Port),
    ("id", ConnectionField::Made),
];

/// The connections of the tenant: by `connection_id`, unless `order_by` names `conn_type`, `description`, `host`, `port` or `id` (when
/// they were made).
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    tag = "connections",
    operation_id = "get_connections",
    params(OrderedPage),
    responses((status = 200, body = ConnectionCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<OrderedPage>,
) -> Result<Json<ConnectionCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = connections::list(&mut tx, order, page).await?;
    let connections = listed.items.into_iter().map(wire).collect();
    Ok(Json(ConnectionCollection { connections, total_entries: listed.total }))
}
