//! Pools: slots that tasks share. Paths and bodies are those of Airflow 2.10.

mod create;
mod delete;
mod get;
mod list;
mod patch;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::Pool;
use cofferdam_domain::context::Context;
use cofferdam_engine::PoolUse;
use cofferdam_ids::PoolName;
use cofferdam_store::{StoreError, pools};
use serde::Deserialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(
        get::handler,
        patch::handler,
        delete::handler
    ))
}

/// Names a pool.
#[derive(Deserialize)]
struct PoolPath {
    pool_name: PoolName,
}

/// The default pool while nobody has made it: without a bound.
fn unbounded() -> pools::Pool {
    let description = Some("The pool of tasks that name none; without a bound until somebody sets one.".to_owned());
    pools::Pool { name: PoolName::default_pool(), slots: u32::MAX, description, include_deferred: false }
}

/// A pool with its figures. `slots` of `u32::MAX` stand for no bound.
fn wire(pool: pools::Pool, taken: PoolUse) -> Pool {
    let occupied = taken.running + taken.queued + if pool.include_deferred { taken.deferred } else { 0 };
    let bounded = pool.slots != u32::MAX;
    let slots = i64::from(pool.slots);
    Pool {
        name: pool.name,
        slots: if bounded { slots } else { -1 },
        description: pool.description,
        include_deferred: pool.include_deferred,
        occupied_slots: occupied,
        running_slots: taken.running,
        queued_slots: taken.queued,
        scheduled_slots: taken.scheduled,
        deferred_slots: taken.deferred,
        open_slots: if bounded { slots - i64::try_from(occupied).unwrap_or(i64::MAX) } else { -1 },
    }
}

/// A pool as it is now, with its figures.
async fn shown(app: &App, context: &Context, name: &PoolName) -> Result<Pool, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let pool = match pools::get(&mut tx, name).await {
        Err(StoreError::NotFound { .. }) if *name == PoolName::default_pool() => unbounded(),
        found => found?,
    };
    tx.rollback().await?;
    let taken = app.state.engine.pool_use(context).await?.remove(name).unwrap_or_default();
    Ok(wire(pool, taken))
}
