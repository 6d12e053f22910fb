use super::{contained, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, QueryParams, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, PatchDag, PatchedDags};
use cofferdam_store::audit::Action;
use cofferdam_store::dags::{self, DagFilter};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which dags.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchQuery {
    /// Only dags whose name contains this; `~` stands for all.
    dag_id_pattern: String,
    /// Only dags with all of these tags, separated by commas.
    tags: Option<String>,
    /// Taken, and without effect: only active dags are there.
    #[serde(rename = "only_active")]
    _only_active: Option<String>,
    /// The most dags to change, from 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// Names of fields, separated by commas: `is_paused` is the only one.
    update_mask: Option<String>,
}

/// Pauses dags, or lets them go on.
#[utoipa::path(
    patch,
    path = "/api/v1/dags",
    tag = "dags",
    operation_id = "patch_dags",
    params(PatchQuery),
    request_body = PatchDag,
    responses((status = 200, body = PatchedDags))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    QueryParams(query): QueryParams<PatchQuery>,
    JsonBody(patch): JsonBody<PatchDag>,
) -> Result<Json<PatchedDags>, ApiError> {
    let context = caller.context;
    let page = page(query.limit.unwrap_or(100), query.offset.unwrap_or(0))?;
    crate::endpoints::variables::masked(query.update_mask.as_deref(), &["is_paused"])?;
    let Some(paused) = patch.is_paused else {
        return Err(ApiError::new(ErrorCode::InvalidBody, "Only 'is_paused' of a dag can be changed here.").at("/is_paused"));
    };
    let tags = query.tags.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let filter = DagFilter {
        tags: tags.map(str::to_owned).collect(),
        id_contains: contained(&query.dag_id_pattern).filter(|pattern| pattern != "~"),
        only_active: true,
        ..DagFilter::default()
    };
    let mut tx = app.state.store.begin(&context).await?;
    let listed = dags::list(&mut tx, &filter, page).await?;
    tx.rollback().await?;
    let mut changed = Vec::with_capacity(listed.items.len());
    for dag in listed.items {
        app.state.engine.set_paused(&context, &dag.dag_id, paused, None).await?;
        let action = if paused { "dag.pause" } else { "dag.unpause" };
        audit_after(&app, &context, Action { action, target_kind: "dag", target: dag.dag_id.as_str() }, json!({})).await;
        let mut tx = app.state.store.begin(&context).await?;
        changed.push(wire(dags::get(&mut tx, &dag.dag_id).await?));
    }
    Ok(Json(PatchedDags { dags: changed, total_entries: listed.total }))
}
