use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{AssetCollection, AssetListQuery};
use cofferdam_store::assets::{self, AssetField};
use std::sync::Arc;

const FIELDS: [(&str, AssetField); 3] =
    [("uri", AssetField::Name), ("created_at", AssetField::Made), ("last_event_at", AssetField::Changed)];

/// The assets of the tenant, by name unless told otherwise.
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
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = assets::search(&mut tx, query.uri_pattern.as_deref(), &[], order, page).await?;
    let assets = listed.items.into_iter().map(wire).collect::<Result<_, _>>()?;
    Ok(Json(AssetCollection { assets, total_entries: listed.total }))
}
