use super::wire_event;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{AssetEvent, ErrorCode, NewAssetEvent};
use cofferdam_domain::asset::AssetUri;
use cofferdam_store::Page;
use cofferdam_store::assets::{self, EventFilter};
use cofferdam_store::audit::Action;
use serde_json::json;
use std::sync::Arc;

/// Tells that an asset has changed, as a task that produces it does. The dags that wait for it run; an asset that nobody has named yet
/// becomes known.
#[utoipa::path(
    post,
    path = "/api/v1/assets/events",
    tag = "assets",
    operation_id = "create_asset_event",
    request_body = NewAssetEvent,
    responses((status = 200, body = AssetEvent))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    JsonBody(new): JsonBody<NewAssetEvent>,
) -> Result<Json<AssetEvent>, ApiError> {
    let context = caller.context;
    let uri: AssetUri = new.uri.parse().map_err(|error: cofferdam_domain::asset::AssetError| {
        ApiError::new(ErrorCode::InvalidBody, format!("{error}.")).at("/uri")
    })?;
    let id = app.state.engine.send_asset_event(&context, &uri, new.extra.as_ref()).await?;
    let target: String = uri.as_str().chars().take(600).collect();
    audit_after(&app, &context, Action { action: "asset.event", target_kind: "asset", target: &target }, json!({ "event": id }))
        .await;
    let mut tx = app.state.store.begin(&context).await?;
    let filter = EventFilter { id: Some(id), ..EventFilter::default() };
    let found = assets::events(&mut tx, &filter, Page::first(1)).await?.items.pop();
    wire_event(found.ok_or_else(|| ApiError::not_found("The event"))?).map(Json)
}
