use super::{PoolPath, shown};
use crate::App;
use crate::endpoints::variables::masked;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, PatchPool, Pool, UpdateMask};
use cofferdam_ids::PoolName;
use cofferdam_store::audit::{self, Action};
use cofferdam_store::{StoreError, pools};
use serde_json::json;
use std::sync::Arc;

const FIELDS: &[&str] = &["name", "slots", "description", "include_deferred"];

/// Changes a pool. Setting `slots` of the default pool gives it a bound.
#[utoipa::path(
    patch,
    path = "/api/v1/pools/{pool_name}",
    tag = "pools",
    operation_id = "patch_pool",
    params(("pool_name" = String, Path, description = "The pool."), UpdateMask),
    request_body = PatchPool,
    responses((status = 200, body = Pool))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<PoolPath>,
    QueryParams(query): QueryParams<UpdateMask>,
    JsonBody(request): JsonBody<PatchPool>,
) -> Result<Json<Pool>, ApiError> {
    let name = path.pool_name;
    if request.name.as_ref().is_some_and(|given| *given != name) {
        return Err(
            ApiError::new(ErrorCode::InvalidBody, "A pool keeps its name: make another one, and delete this.").at("/name")
        );
    }
    let mask = masked(query.update_mask.as_deref(), FIELDS)?;
    let counts = |field: &str| mask.as_ref().is_none_or(|mask| mask.contains(&field));
    let change = pools::PoolChange {
        slots: request.slots.filter(|_| counts("slots")),
        description: request.description.filter(|_| counts("description")),
        include_deferred: request.include_deferred.filter(|_| counts("include_deferred")),
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    match (pools::get(&mut tx, &name).await, change.slots) {
        (Err(StoreError::NotFound { .. }), Some(slots)) if name == PoolName::default_pool() => {
            let description = change.description.clone().flatten();
            let include_deferred = change.include_deferred.unwrap_or(false);
            pools::create(&mut tx, &pools::Pool { name: name.clone(), slots, description, include_deferred }).await?;
        }
        (Err(StoreError::NotFound { .. }), None) if name == PoolName::default_pool() => {
            let detail = "The default pool has no bound yet: give it 'slots' first.";
            return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/slots"));
        }
        (found, _) => {
            found?;
            pools::change(&mut tx, &name, &change).await?;
        }
    }
    let done = Action { action: "pool.update", target_kind: "pool", target: name.as_str() };
    let detail = json!({ "slots": change.slots, "include_deferred": change.include_deferred });
    audit::append(&mut tx, done, &detail, app.now()).await?;
    tx.commit().await?;
    shown(&app, &caller.context, &name).await.map(Json)
}
