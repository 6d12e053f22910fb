use super::DagPath;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Page, WebhookDelivery, WebhookDeliveryCollection};
use cofferdam_store::webhooks;
use std::sync::Arc;

/// The events that a dag's webhook received within the last day, the latest first. One that came several times is there once.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/webhook/deliveries",
    tag = "webhooks",
    operation_id = "list_webhook_deliveries",
    params(("dag_id" = String, Path, description = "The dag."), Page),
    responses((status = 200, body = WebhookDeliveryCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<WebhookDeliveryCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = webhooks::deliveries(&mut tx, &path.dag_id, page, app.now()).await?;
    let deliveries = listed.items.into_iter().map(|delivery| WebhookDelivery {
        event_id: delivery.event_id,
        received_at: delivery.received_at,
        dag_run_id: delivery.dag_run_id,
    });
    Ok(Json(WebhookDeliveryCollection { deliveries: deliveries.collect(), total_entries: listed.total }))
}
