use super::{uri, wire_event};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{AssetEventCollection, AssetEventListQuery};
use cofferdam_store::assets::{self, AssetEventField, EventFilter};
use std::sync::Arc;

const FIELDS: [(&str, AssetEventField); 4] = [
    ("timestamp", AssetEventField::Time),
    ("source_dag_id", AssetEventField::Dag),
    ("source_task_id", AssetEventField::Task),
    ("source_run_id", AssetEventField::Run),
];

/// What has happened to assets, the latest first unless told otherwise, with the runs that followed.
#[utoipa::path(
    get,
    path = "/api/v1/assets/events",
    tag = "assets",
    operation_id = "list_asset_events",
    params(AssetEventListQuery),
    responses((status = 200, body = AssetEventCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<AssetEventListQuery>,
) -> Result<Json<AssetEventCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let filter = EventFilter {
        uri: query.uri.as_deref().map(uri).transpose()?,
        source_dag_id: query.source_dag_id,
        order: order(Some(query.order_by.as_deref().unwrap_or("-timestamp")), &FIELDS)?,
        ..EventFilter::default()
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = assets::events(&mut tx, &filter, page).await?;
    let asset_events = listed.items.into_iter().map(wire_event).collect::<Result<_, _>>()?;
    Ok(Json(AssetEventCollection { asset_events, total_entries: listed.total }))
}
