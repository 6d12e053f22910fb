use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Page, VariableCollection};
use cofferdam_store::variables;
use std::sync::Arc;

/// The variables of the tenant, by key. Values of secret ones are null.
#[utoipa::path(
    get,
    path = "/api/v1/variables",
    tag = "variables",
    operation_id = "get_variables",
    params(Page),
    responses((status = 200, body = VariableCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<VariableCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = variables::list(&mut tx, page).await?;
    let variables = listed.items.iter().map(|stored| wire(&app, stored)).collect::<Result<_, _>>()?;
    Ok(Json(VariableCollection { variables, total_entries: listed.total }))
}
