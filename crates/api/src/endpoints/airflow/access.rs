//! Roles and rights, which are fixed here.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathParams, QueryParams, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ActionCollection, ActionResource, NamedItem, OrderedPage, Page, RoleCollection, RoleDetail};
use cofferdam_domain::context::Role;
use serde::Deserialize;
use std::sync::Arc;

/// What each role may do beyond the one before it, in Airflow's words.
const RIGHTS: [(Role, &[(&str, &str)]); 4] = [
    (
        Role::Viewer,
        &[
            ("can_read", "DAGs"),
            ("can_read", "DAG Runs"),
            ("can_read", "Task Instances"),
            ("can_read", "XComs"),
            ("can_read", "Variables"),
            ("can_read", "Connections"),
            ("can_read", "Pools"),
        ],
    ),
    (Role::Operator, &[("can_create", "DAG Runs"), ("can_edit", "DAG Runs"), ("can_edit", "Task Instances")]),
    (
        Role::Editor,
        &[
            ("can_create", "DAGs"),
            ("can_edit", "DAGs"),
            ("can_delete", "DAGs"),
            ("can_delete", "DAG Runs"),
            ("can_create", "Variables"),
            ("can_edit", "Variables"),
            ("can_delete", "Variables"),
            ("can_create", "Connections"),
            ("can_edit", "Connections"),
            ("can_delete", "Connections"),
            ("can_create", "Pools"),
            ("can_edit", "Pools"),
            ("can_delete", "Pools"),
        ],
    ),
    (
        Role::Admin,
        &[
            ("can_read", "Users"),
            ("can_create", "Users"),
            ("can_edit", "Users"),
            ("can_delete", "Users"),
            ("can_read", "Roles"),
            ("can_read", "Audit Logs"),
        ],
    ),
];

fn detail(role: Role) -> RoleDetail {
    let named = |name: &str| NamedItem { name: name.to_owned() };
    let rights = RIGHTS.iter().filter(|(other, _)| *other <= role).flat_map(|(_, rights)| rights.iter());
    let actions = rights.map(|(action, resource)| ActionResource { action: named(action), resource: named(resource) });
    RoleDetail { name: role.as_str().to_owned(), actions: actions.collect() }
}

/// By what the roles are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RoleField {
    Rights,
    Name,
}

const ROLE_FIELDS: [(&str, RoleField); 2] = [("role_id", RoleField::Rights), ("name", RoleField::Name)];

/// The roles, with what they may do. They are fixed. By `role_id`, who may least first, unless `order_by` is `name`.
#[utoipa::path(
    get,
    path = "/api/v1/roles",
    tag = "users",
    operation_id = "get_roles",
    params(OrderedPage),
    responses((status = 200, body = RoleCollection))
)]
pub(crate) async fn roles(
    _: State<Arc<App>>,
    _: Caller<Admin>,
    QueryParams(query): QueryParams<OrderedPage>,
) -> Result<Json<RoleCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref(), &ROLE_FIELDS)?;
    let mut all = Role::ALL.to_vec();
    all.sort_by(|one, other| {
        let way = match order.field {
            RoleField::Rights => one.cmp(other),
            RoleField::Name => one.as_str().cmp(other.as_str()),
        };
        if order.backwards { way.reverse() } else { way }
    });
    let shown = all.into_iter().skip(page.offset as usize).take(page.limit as usize);
    Ok(Json(RoleCollection { roles: shown.map(detail).collect(), total_entries: Role::ALL.len() as u64 }))
}

#[derive(Deserialize)]
pub(crate) struct Path {
    role_name: String,
}

/// A role, with what it may do.
#[utoipa::path(
    get,
    path = "/api/v1/roles/{role_name}",
    tag = "users",
    operation_id = "get_role",
    params(("role_name" = String, Path, description = "The role: viewer, operator, editor or admin.")),
    responses((status = 200, body = RoleDetail))
)]
pub(crate) async fn role(
    _: State<Arc<App>>,
    _: Caller<Admin>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<RoleDetail>, ApiError> {
    let found = Role::ALL.iter().find(|role| role.as_str().eq_ignore_ascii_case(&path.role_name));
    found.map(|role| Json(detail(*role))).ok_or_else(|| ApiError::not_found(format!("The role '{}'", path.role_name)))
}

/// The kinds of rights.
#[utoipa::path(
    get,
    path = "/api/v1/permissions",
    tag = "users",
    operation_id = "get_permissions",
    params(Page),
    responses((status = 200, body = ActionCollection))
)]
pub(crate) async fn permissions(
    _: State<Arc<App>>,
    _: Caller<Admin>,
    QueryParams(query): QueryParams<Page>,
) -> Result<Json<ActionCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let all = ["can_create", "can_read", "can_edit", "can_delete"];
    let actions = all.iter().skip(page.offset as usize).take(page.limit as usize);
    let actions = actions.map(|name| NamedItem { name: (*name).to_owned() }).collect();
    Ok(Json(ActionCollection { actions, total_entries: all.len() as u64 }))
}
