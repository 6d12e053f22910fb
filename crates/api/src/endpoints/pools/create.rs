use super::shown;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{NewPool, Pool};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::pools;
use serde_json::json;
use std::sync::Arc;

/// Makes a pool. Schedulers tell the queue of it within seconds.
#[utoipa::path(
    post,
    path = "/api/v1/pools",
    tag = "pools",
    operation_id = "post_pool",
    request_body = NewPool,
    responses((status = 200, body = Pool))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    JsonBody(request): JsonBody<NewPool>,
) -> Result<Json<Pool>, ApiError> {
    let NewPool { name, slots, description, include_deferred } = request;
    let mut tx = app.state.store.begin(&caller.context).await?;
    pools::create(&mut tx, &pools::Pool { name: name.clone(), slots, description, include_deferred }).await?;
    let done = Action { action: "pool.create", target_kind: "pool", target: name.as_str() };
    audit::append(&mut tx, done, &json!({ "slots": slots, "include_deferred": include_deferred }), app.now()).await?;
    tx.commit().await?;
    shown(&app, &caller.context, &name).await.map(Json)
}
