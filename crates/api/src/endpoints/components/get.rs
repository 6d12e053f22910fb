use super::{NamePath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::ComponentDetail;
use cofferdam_store::components;
use std::sync::Arc;

/// A component with its versions, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/components/{name}",
    tag = "components",
    operation_id = "get_component",
    params(("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fclean`.")),
    responses((status = 200, body = ComponentDetail))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<NamePath>,
) -> Result<Json<ComponentDetail>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let versions = components::versions(&mut tx, &path.name).await?;
    let versions = versions.into_iter().map(wire).collect::<Result<_, _>>()?;
    Ok(Json(ComponentDetail { name: path.name, versions }))
}
