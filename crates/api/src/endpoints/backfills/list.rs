use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BackfillCollection, BackfillListQuery};
use cofferdam_store::backfills;
use std::sync::Arc;

/// The backfills of the tenant, the latest first; of one dag when it is named.
#[utoipa::path(
    get,
    path = "/api/v1/backfills",
    tag = "backfills",
    operation_id = "list_backfills",
    params(BackfillListQuery),
    responses((status = 200, body = BackfillCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<BackfillListQuery>,
) -> Result<Json<BackfillCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = backfills::list(&mut tx, query.dag_id.as_ref(), page).await?;
    Ok(Json(BackfillCollection { backfills: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}
