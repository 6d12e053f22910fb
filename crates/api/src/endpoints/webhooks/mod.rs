//! Webhooks: what runs dags from outside, signed with a secret of the dag's own.

mod cloud_event;
mod delete;
mod get;
mod put;
mod receive;
mod signature;

use crate::App;
use cofferdam_api_types::Webhook;
use cofferdam_domain::context::Context;
use cofferdam_ids::DagId;
use cofferdam_store::{StoreError, tenants, webhooks};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(put::handler, get::handler, delete::handler)).routes(routes!(receive::handler))
}

#[derive(Deserialize)]
struct DagPath {
    dag_id: DagId,
}

/// The webhook as it is shown, without its secret.
async fn shown(app: &App, context: &Context, dag_id: &DagId) -> Result<Webhook, StoreError> {
    let mut tx = app.state.store.begin(context).await?;
    let stored = webhooks::get(&mut tx, dag_id).await?;
    let tenant = tenants::get(&mut tx).await?.name;
    Ok(Webhook {
        path: format!("/api/v1/webhooks/{tenant}/{dag_id}"),
        dag_id: stored.dag_id,
        secret: None,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        last_received_at: stored.last_received_at,
    })
}
