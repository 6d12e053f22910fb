use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::ApiKeyCollection;
use cofferdam_domain::context::Role;
use cofferdam_store::api_keys;
use std::sync::Arc;

/// The caller's API keys, revoked ones too; an admin sees those of the whole tenant.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys",
    tag = "api-keys",
    operation_id = "list_api_keys",
    responses((status = 200, body = ApiKeyCollection))
)]
pub(crate) async fn handler(State(app): State<Arc<App>>, caller: Caller<Viewer>) -> Result<Json<ApiKeyCollection>, ApiError> {
    let context = caller.context;
    let of = if context.role == Role::Admin { None } else { context.user() };
    let mut tx = app.state.store.begin(&context).await?;
    let api_keys: Vec<_> = api_keys::list(&mut tx, of).await?.into_iter().map(wire).collect();
    let total_entries = api_keys.len() as u64;
    Ok(Json(ApiKeyCollection { api_keys, total_entries }))
}
