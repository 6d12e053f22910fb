use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Component, ComponentCollection, Page};
use cofferdam_store::components;
use std::sync::Arc;

/// The components of the tenant, by name, each with its newest version.
#[utoipa::path(
    get,
    path = "/api/v1/components",
    tag = "components",
    operation_id = "list_components",
    params(Page),
    responses((status = 200, body = ComponentCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<ComponentCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = components::list(&mut tx, page).await?;
    let components = listed
        .items
        .into_iter()
        .map(|component| {
            Ok(Component {
                name: component.name,
                version_count: component.version_count,
                latest: wire(component.latest)?,
                created_at: component.created_at,
            })
        })
        .collect::<Result<_, ApiError>>()?;
    Ok(Json(ComponentCollection { components, total_entries: listed.total }))
}
