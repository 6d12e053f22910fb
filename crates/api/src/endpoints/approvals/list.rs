use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ApprovalCollection, ApprovalListQuery, ApprovalSelection};
use cofferdam_store::approvals::{self, ApprovalField, ApprovalFilter};
use std::sync::Arc;

const FIELDS: [(&str, ApprovalField); 3] =
    [("asked_at", ApprovalField::Asked), ("expires_at", ApprovalField::Expires), ("dag_id", ApprovalField::Dag)];

/// What tasks of the tenant ask people: unless told otherwise, what tasks wait for now. Each says whether the caller
/// may decide.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    tag = "approvals",
    operation_id = "list_approvals",
    params(ApprovalListQuery),
    responses((status = 200, body = ApprovalCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<ApprovalListQuery>,
) -> Result<Json<ApprovalCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let filter = ApprovalFilter {
        waiting: match query.state.unwrap_or_default() {
            ApprovalSelection::Waiting => Some(true),
            ApprovalSelection::Settled => Some(false),
            ApprovalSelection::All => None,
        },
        dag_id: query.dag_id,
        dag_run_id: query.dag_run_id,
        mine: query.mine.unwrap_or(false),
        order: order(Some(query.order_by.as_deref().unwrap_or("-asked_at")), &FIELDS)?,
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = approvals::list(&mut tx, &filter, page).await?;
    let approvals = listed.items.into_iter().map(|one| wire(one, &caller.context)).collect();
    Ok(Json(ApprovalCollection { approvals, total_entries: listed.total }))
}
