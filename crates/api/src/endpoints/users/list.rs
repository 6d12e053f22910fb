use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, QueryParams, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{OrderedPage, UserCollection};
use cofferdam_store::users::{self, UserField};
use std::sync::Arc;

const FIELDS: [(&str, UserField); 8] = [
    ("username", UserField::Username),
    ("user_name", UserField::Username),
    ("id", UserField::Made),
    ("first_name", UserField::FirstName),
    ("last_name", UserField::LastName),
    ("email", UserField::Email),
    ("is_active", UserField::Active),
    ("role", UserField::Role),
];

/// The users of the tenant: by `username`, unless `order_by` names `id` (when they were made), `first_name`, `last_name`, `email`,
/// `is_active` or `role`.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "users",
    operation_id = "list_users",
    params(OrderedPage),
    responses((status = 200, body = UserCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    QueryParams(query): QueryParams<OrderedPage>,
) -> Result<Json<UserCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = users::list(&mut tx, order, page).await?;
    Ok(Json(UserCollection { users: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}
