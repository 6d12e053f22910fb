use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BundleCollection, Page};
use cofferdam_store::bundles;
use std::sync::Arc;

/// The bundles of the tenant, by name, with how many of their files have something wrong.
#[utoipa::path(
    get,
    path = "/api/v1/bundles",
    tag = "bundles",
    operation_id = "list_bundles",
    params(Page),
    responses((status = 200, body = BundleCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<BundleCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = bundles::list(&mut tx, None, page).await?;
    Ok(Json(BundleCollection { bundles: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}
