//! The audit log.

use crate::App;
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathParams, QueryParams, order, page};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use cofferdam_api_types::{EventLog, EventLogCollection};
use cofferdam_store::Page;
use cofferdam_store::audit::{self, AuditField, AuditFilter, NumberedEntry};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventLogQuery {
    /// The most entries to answer with, from 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// `event_log_id` (the default) or `when`, `dag_id`, `run_id`, `task_id`, `event`, `owner` or `extra`, with `-` before it for the
    /// other direction.
    order_by: Option<String>,
    /// Only about this dag.
    dag_id: Option<String>,
    /// Only about this task.
    task_id: Option<String>,
    /// Only about this run.
    run_id: Option<String>,
    /// Only about the task instance at this position in a mapped task, -1 when it is not mapped.
    map_index: Option<i32>,
    /// Only about a task instance at this try.
    try_number: Option<u32>,
    /// Only of this action.
    event: Option<String>,
    /// Only by this user.
    owner: Option<String>,
    /// Only then or earlier.
    before: Option<DateTime<Utc>>,
    /// Only then or later.
    after: Option<DateTime<Utc>>,
    /// Only of these actions, separated by commas.
    included_events: Option<String>,
    /// Of none of these actions, separated by commas.
    excluded_events: Option<String>,
}

const FIELDS: [(&str, AuditField); 8] = [
    ("event_log_id", AuditField::Number),
    ("when", AuditField::Number),
    ("dag_id", AuditField::Dag),
    ("run_id", AuditField::Run),
    ("task_id", AuditField::Task),
    ("event", AuditField::Action),
    ("owner", AuditField::Principal),
    ("extra", AuditField::Detail),
];

/// What was done, by whom, to what.
#[utoipa::path(
    get,
    path = "/api/v1/eventLogs",
    tag = "operations",
    operation_id = "get_event_logs",
    params(EventLogQuery),
    responses((status = 200, body = EventLogCollection))
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    QueryParams(query): QueryParams<EventLogQuery>,
) -> Result<Json<EventLogCollection>, ApiError> {
    let page = page(query.limit.unwrap_or(100), query.offset.unwrap_or(0))?;
    let order = order(query.order_by.as_deref(), &FIELDS)?;
    let words = |text: Option<String>| -> Vec<String> {
        let text = text.unwrap_or_default();
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let mut actions = words(query.included_events);
    actions.extend(query.event);
    let filter = AuditFilter {
        number: None,
        dag_id: query.dag_id,
        run_id: query.run_id,
        task_id: query.task_id,
        actions,
        not_actions: words(query.excluded_events),
        principal: query.owner,
        map_index: query.map_index,
        try_number: query.try_number,
        at: (query.after, query.before),
        order,
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = audit::search(&mut tx, &filter, page).await?;
    Ok(Json(EventLogCollection { event_logs: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}

#[derive(Deserialize)]
pub(crate) struct Path {
    event_log_id: i64,
}

/// One entry of the log.
#[utoipa::path(
    get,
    path = "/api/v1/eventLogs/{event_log_id}",
    tag = "operations",
    operation_id = "get_event_log",
    params(("event_log_id" = i64, Path, description = "The number of the entry.")),
    responses((status = 200, body = EventLog))
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Admin>,
    PathParams(path): PathParams<Path>,
) -> Result<Json<EventLog>, ApiError> {
    let filter = AuditFilter { number: Some(path.event_log_id), ..AuditFilter::default() };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let found = audit::search(&mut tx, &filter, Page::first(1)).await?.items.into_iter().next();
    found.map(|entry| Json(wire(entry))).ok_or_else(|| ApiError::not_found(format!("The entry {}", path.event_log_id)))
}

fn wire(NumberedEntry { number, entry }: NumberedEntry) -> EventLog {
    let mut parts = entry.target.splitn(3, '/').map(str::to_owned);
    let about = match entry.target_kind.as_str() {
        "dag" => 1,
        "dag_run" => 2,
        "task_instance" => 3,
        _ => 0,
    };
    let mut part = |needed: usize| if about >= needed { parts.next() } else { None };
    let (dag_id, run_id, task_id) = (part(1), part(2), part(3));
    let about_task = |value: &Value| value.as_i64().filter(|_| about == 3);
    EventLog {
        event_log_id: number,
        when: entry.at,
        event: entry.action,
        owner: Some(entry.principal),
        dag_id,
        task_id,
        run_id,
        map_index: about_task(&entry.detail["map_index"]).and_then(|index| i32::try_from(index).ok()),
        try_number: about_task(&entry.detail["try_number"]).and_then(|number| u32::try_from(number).ok()),
        execution_date: None,
        extra: Some(entry.detail.to_string()),
        target_kind: entry.target_kind,
        target: entry.target,
        request_id: entry.request_id,
    }
}
