use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{AssetCollection, AssetListQuery};
use cofferdam_store::assets;
use std::sync::Arc;

/// The assets of the tenant, by name.
#[utoipa::path(
    get,
    path = "/api/v1/assets",
    tag = "assets",
    operation_id = "list_assets",
    params(AssetListQuery),
    responses((status = 200, body = AssetCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<AssetListQuery>,
) -> Result<Json<AssetCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = assets::list(&mut tx, query.uri_pattern.as_deref(), None, page).await?;
    let assets = listed.items.into_iter().map(wire).collect::<Result<_, _>>()?;
    Ok(Json(AssetCollection { assets, total_entries: listed.total }))
}
