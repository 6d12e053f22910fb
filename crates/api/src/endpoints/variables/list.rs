use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{OrderedPage, VariableCollection};
use cofferdam_store::variables::{self, VariableField};
use std::sync::Arc;

const FIELDS: [(&str, VariableField); 3] =
    [("key", VariableField::Key), ("value", VariableField::Value), ("id", VariableField::Made)];

/// The variables of the tenant: by `key`, unless `order_by` names `value` or `id` (when they were made). Values of secret ones are null.
#[utoipa::path(
    get,
    path = "/api/v1/variables",
    tag = "variables",
    operation_id = "get_variables",
    params(OrderedPage),
    responses((status = 200, body = VariableCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<OrderedPage>,
) -> Result<Json<VariableCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = variables::list(&mut tx, &app.state.keys, order, page).await?;
    let variables = listed.items.iter().map(|stored| wire(&app, stored)).collect::<Result<_, _>>()?;
    Ok(Json(VariableCollection { variables, total_entries: listed.total }))
}
