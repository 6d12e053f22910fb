use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, QueryParams, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{Page, UserCollection};
use cofferdam_store::users;
use std::sync::Arc;

/// The users of the tenant, by name.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "users",
    operation_id = "list_users",
    params(Page),
    responses((status = 200, body = UserCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<UserCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = users::list(&mut tx, page).await?;
    Ok(Json(UserCollection { users: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}
