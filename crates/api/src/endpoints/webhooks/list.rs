use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{WebhookCollection, WebhookListQuery};
use cofferdam_store::webhooks::WebhookField;
use cofferdam_store::{tenants, webhooks};
use std::sync::Arc;

const FIELDS: [(&str, WebhookField); 5] = [
    ("dag_id", WebhookField::Dag),
    ("created_at", WebhookField::Made),
    ("last_received_at", WebhookField::LastReceived),
    ("refused", WebhookField::Refused),
    ("last_refused_at", WebhookField::LastRefused),
];

/// The webhooks of the tenant's dags: what they received and refused.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    operation_id = "list_webhooks",
    params(WebhookListQuery),
    responses((status = 200, body = WebhookCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<WebhookListQuery>,
) -> Result<Json<WebhookCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = webhooks::list(&mut tx, query.dag_id_pattern.as_deref(), order, page, app.now()).await?;
    let tenant = tenants::get(&mut tx).await?.name;
    let webhooks = listed.items.into_iter().map(|stored| wire(&tenant, stored)).collect();
    Ok(Json(WebhookCollection { webhooks, total_entries: listed.total }))
}
