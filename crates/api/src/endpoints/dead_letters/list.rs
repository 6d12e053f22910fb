use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DeadLetterCollection, DeadLetterListQuery, ErrorCode};
use cofferdam_domain::dead_letter::{DeadLetterKind, DeadLetterState};
use cofferdam_domain::ending::Reason;
use cofferdam_store::dead_letters::{self, DeadLetterFilter, DeadLetterOrder};
use std::str::FromStr;
use std::sync::Arc;

/// The dead letters of the tenant, the latest first unless `order_by` says otherwise: those that were resolved or discarded as well,
/// until they are forgotten.
#[utoipa::path(
    get,
    path = "/api/v1/deadLetters",
    tag = "dead-letters",
    operation_id = "list_dead_letters",
    params(DeadLetterListQuery),
    responses((status = 200, body = DeadLetterCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<DeadLetterListQuery>,
) -> Result<Json<DeadLetterCollection>, ApiError> {
    let page = page(query.limit, query.offset)?;
    let order = order(query.order_by.as_deref())?;
    let filter = DeadLetterFilter {
        ids: Vec::new(),
        dags: names("dag_id", query.dag_id.as_deref())?,
        runs: names("dag_run_id", query.dag_run_id.as_deref())?,
        tasks: names("task_id", query.task_id.as_deref())?,
        reasons: words("reason", query.reason.as_deref(), Reason::ALL, |reason| reason.as_str())?,
        kinds: words("kind", query.kind.as_deref(), DeadLetterKind::ALL, |kind| kind.as_str())?,
        states: words("state", query.state.as_deref(), DeadLetterState::ALL, |state| state.as_str())?,
        at: (query.at_gte, query.at_lte),
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = dead_letters::list(&mut tx, &filter, order, page).await?;
    Ok(Json(DeadLetterCollection { dead_letters: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}

fn order(text: Option<&str>) -> Result<DeadLetterOrder, ApiError> {
    Ok(match text {
        None | Some("-at") => DeadLetterOrder::Latest,
        Some("at") => DeadLetterOrder::Earliest,
        Some("task") => DeadLetterOrder::Task,
        Some("-task") => DeadLetterOrder::TaskBackwards,
        Some("reason") => DeadLetterOrder::Reason,
        Some("-reason") => DeadLetterOrder::ReasonBackwards,
        Some(other) => {
            let detail =
                format!("'order_by' is '{other}'; it can be at, task or reason, with '-' before it for the other direction.");
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        }
    })
}

fn parts(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn names<T: FromStr>(parameter: &str, text: Option<&str>) -> Result<Vec<T>, ApiError> {
    parts(text)
        .map(|name| {
            let detail = || format!("'{parameter}' is '{name}', which is no such name.");
            name.parse().map_err(|_| ApiError::new(ErrorCode::InvalidParameter, detail()))
        })
        .collect()
}

fn words<T: Copy>(parameter: &str, text: Option<&str>, all: &[T], word: impl Fn(T) -> &'static str) -> Result<Vec<T>, ApiError> {
    parts(text)
        .map(|given| {
            all.iter().copied().find(|known| word(*known) == given).ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|known| word(*known)).collect();
                let detail = format!("'{parameter}' is '{given}'; it can be {}.", known.join(", "));
                ApiError::new(ErrorCode::InvalidParameter, detail)
            })
        })
        .collect()
}
