use super::{uri, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::Asset;
use cofferdam_store::assets;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    uri: String,
}

/// An asset, with the tasks that produce it and the dags that wait for it.
#[utoipa::path(
    get,
    path = "/api/v1/assets/{uri}",
    tag = "assets",
    operation_id = "get_asset",
    params(("uri" = String, Path, description = "The asset, percent-encoded.")),
    responses((status = 200, body = Asset))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<Asset>, ApiError> {
    let uri = uri(&path.uri)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(Json(wire(assets::get(&mut tx, &uri).await?)?))
}
