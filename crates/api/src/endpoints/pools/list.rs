use super::{unbounded, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{OrderedPage, PoolCollection};
use cofferdam_ids::PoolName;
use cofferdam_store::{Order, pools};
use std::sync::Arc;

/// By what a list of pools is ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Slots,
}

/// What Airflow calls their id tells nothing here: a pool is known by its name.
const FIELDS: [(&str, Field); 3] = [("name", Field::Name), ("slots", Field::Slots), ("id", Field::Name)];

/// The pools of the tenant with what is taken of them now: by `name` (or `id`), unless `order_by` is `slots`. The default pool is among
/// them, also when nobody made it; without a bound it has the most slots.
#[utoipa::path(
    get,
    path = "/api/v1/pools",
    tag = "pools",
    operation_id = "get_pools",
    params(OrderedPage),
    responses((status = 200, body = PoolCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<OrderedPage>,
) -> Result<Json<PoolCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let Order { field, backwards } = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    // There are few: all are read, so that the default pool has its place among them.
    let mut all = pools::list(&mut tx, cofferdam_store::Page::first(u32::MAX)).await?.items;
    tx.rollback().await?;
    if all.iter().all(|pool| pool.name != PoolName::default_pool()) {
        all.push(unbounded());
    }
    all.sort_by(|one, other| {
        let way = match field {
            Field::Slots => one.slots.cmp(&other.slots),
            Field::Name => one.name.cmp(&other.name),
        };
        let way = if backwards { way.reverse() } else { way };
        way.then_with(|| one.name.cmp(&other.name))
    });
    let total_entries = all.len() as u64;
    let mut taken = app.state.engine.pool_use(&caller.context).await?;
    let (offset, limit) = (usize::try_from(page.offset).unwrap_or(0), usize::try_from(page.limit).unwrap_or(0));
    let pools = all.into_iter().skip(offset).take(limit).map(|pool| {
        let taken = taken.remove(&pool.name).unwrap_or_default();
        wire(pool, taken)
    });
    Ok(Json(PoolCollection { pools: pools.collect(), total_entries }))
}
