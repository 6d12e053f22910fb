use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{BackfillCollection, BackfillListQuery, ErrorCode};
use cofferdam_domain::backfill::BackfillState;
use cofferdam_store::backfills::{self, BackfillField};
use std::sync::Arc;

const FIELDS: [(&str, BackfillField); 4] = [
    ("created_at", BackfillField::Made),
    ("dag_id", BackfillField::Dag),
    ("state", BackfillField::State),
    ("from_date", BackfillField::From),
];

/// The backfills of the tenant; of one dag when it is named, and in one of the states that are named.
#[utoipa::path(
    get,
    path = "/api/v1/backfills",
    tag = "backfills",
    operation_id = "list_backfills",
    params(BackfillListQuery),
    responses((status = 200, body = BackfillCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<BackfillListQuery>,
) -> Result<Json<BackfillCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let states = states(query.state.as_deref())?;
    let order = order(Some(query.order_by.as_deref().unwrap_or("-created_at")), &FIELDS)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = backfills::list(&mut tx, query.dag_id.as_ref(), &states, order, page).await?;
    Ok(Json(BackfillCollection { backfills: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}

fn states(text: Option<&str>) -> Result<Vec<BackfillState>, ApiError> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            BackfillState::parse(word).ok_or_else(|| {
                let known: Vec<&str> = BackfillState::ALL.iter().map(|state| state.as_str()).collect();
                let detail = format!("'{word}' is not a state of a backfill; those are {}.", known.join(", "));
                ApiError::new(ErrorCode::InvalidParameter, detail)
            })
        })
        .collect()
}
