//! Webhooks: what runs dags from outside, signed with a secret of the dag's own.

mod cloud_event;
mod delete;
mod deliveries;
mod get;
mod list;
mod put;
mod receive;
mod refusals;
mod signature;

pub(crate) use refusals::Refusals;

use crate::App;
use cofferdam_api_types::{Webhook, WebhookRefusal};
use cofferdam_domain::context::Context;
use cofferdam_ids::{DagId, TenantName};
use cofferdam_store::webhooks::WebhookRefusal as Stored;
use cofferdam_store::{StoreError, tenants, webhooks};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(put::handler, get::handler, delete::handler))
        .routes(routes!(list::handler))
        .routes(routes!(deliveries::handler))
        .routes(routes!(receive::handler))
}

#[derive(Deserialize)]
struct DagPath {
    dag_id: DagId,
}

/// The webhook as it is shown, without its secret.
async fn shown(app: &App, context: &Context, dag_id: &DagId) -> Result<Webhook, StoreError> {
    let mut tx = app.state.store.begin(context).await?;
    let stored = webhooks::get(&mut tx, dag_id, app.now()).await?;
    let tenant = tenants::get(&mut tx).await?.name;
    Ok(wire(&tenant, stored))
}

fn wire(tenant: &TenantName, stored: webhooks::Webhook) -> Webhook {
    Webhook {
        path: format!("/api/v1/webhooks/{tenant}/{}", stored.dag_id),
        dag_id: stored.dag_id,
        secret: None,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        last_received_at: stored.last_received_at,
        events_last_day: stored.events_last_day,
        refused: stored.refused,
        last_refused_at: stored.last_refusal.map(|(at, _)| at),
        last_refusal: stored.last_refusal.map(|(_, why)| match why {
            Stored::Headers => WebhookRefusal::Headers,
            Stored::Time => WebhookRefusal::Time,
            Stored::Signature => WebhookRefusal::Signature,
            Stored::Body => WebhookRefusal::Body,
            Stored::TooMany => WebhookRefusal::TooMany,
        }),
    }
}
