use super::{contained, wire};
use crate::App;
use crate::endpoints::airflow::only_fields;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::{DagCollection, DagListQuery};
use cofferdam_store::dags::{self, DagFilter};
use std::sync::Arc;

/// The dags of the tenant, by name, each with its last runs.
#[utoipa::path(
    get,
    path = "/api/v1/dags",
    tag = "dags",
    operation_id = "list_dags",
    params(DagListQuery),
    responses((status = 200, body = DagCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<DagListQuery>,
) -> Result<Response, ApiError> {
    let page = page(query.limit, query.offset)?;
    let backwards = order(query.order_by.as_deref(), &[("dag_id", ())])?.backwards;
    let tags = query.tags.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let filter = DagFilter {
        tags: tags.map(str::to_owned).collect(),
        id_contains: query.dag_id_pattern.as_deref().and_then(contained),
        paused: query.paused,
        only_active: query.only_active.unwrap_or(true),
        standalone: None,
        backwards,
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = dags::list(&mut tx, &filter, page).await?;
    let listed = DagCollection { dags: listed.items.into_iter().map(wire).collect(), total_entries: listed.total };
    only_fields(&listed, Some("dags"), query.fields.as_deref())
}
