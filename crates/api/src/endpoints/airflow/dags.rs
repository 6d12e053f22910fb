//! Tasks, sources and figures of dags.

use super::backwards;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{
    ClassReference, DagSource, DagStats, DagStatsCollection, DagStatsState, ErrorCode, ImportErrorCollection, Page, Task,
    TaskCollection, TimeDelta,
};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::retry::Backoff;
use cofferdam_ids::{DagId, TaskId};
use cofferdam_store::{dags, runs};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize)]
pub(crate) struct DagPath {
    dag_id: DagId,
}

#[derive(Deserialize)]
pub(crate) struct TaskPath {
    dag_id: DagId,
    task_id: TaskId,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderQuery {
    /// `task_id` (the default) or `-task_id`.
    order_by: Option<String>,
}

/// The tasks of a dag's current version, by name.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/tasks",
    tag = "dags",
    operation_id = "get_tasks",
    params(("dag_id" = String, Path, description = "The dag."), OrderQuery),
    responses((status = 200, body = TaskCollection))
)]
pub(crate) async fn tasks(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<DagPath>,
    QueryParams(query): QueryParams<OrderQuery>,
) -> Result<Json<TaskCollection>, ApiError> {
    let last_first = backwards(query.order_by.as_deref(), "task_id")?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = dags::get_version(&mut tx, &path.dag_id, None).await?;
    let plan = DagPlan::from_json(version.plan).map_err(ApiError::internal)?;
    let mut tasks: Vec<Task> = plan.tasks.iter().map(|task| wire(&plan, task)).collect();
    tasks.sort_by(|one, other| one.task_id.cmp(&other.task_id));
    if last_first {
        tasks.reverse();
    }
    Ok(Json(TaskCollection { total_entries: tasks.len() as u64, tasks }))
}

/// A task of a dag's current version.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/tasks/{task_id}",
    tag = "dags",
    operation_id = "get_task",
    params(("dag_id" = String, Path, description = "The dag."), ("task_id" = String, Path, description = "The task.")),
    responses((status = 200, body = Task))
)]
pub(crate) async fn task(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<Task>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = dags::get_version(&mut tx, &path.dag_id, None).await?;
    let plan = DagPlan::from_json(version.plan).map_err(ApiError::internal)?;
    let found = plan.task_named(&path.task_id).map(|task| wire(&plan, task));
    found.map(Json).ok_or_else(|| ApiError::not_found(format!("The task '{}'", path.task_id)))
}

fn wire(plan: &DagPlan, task: &TaskPlan) -> Task {
    let operator = task.work.component().map_or_else(|| task.work.kind().to_owned(), |work| work.component.name.to_string());
    let (module_path, class_name) = operator.rsplit_once('/').unwrap_or(("", &operator));
    let class_ref = ClassReference { module_path: module_path.to_owned(), class_name: class_name.to_owned() };
    Task {
        task_id: task.task_id.clone(),
        task_display_name: task.task_id.to_string(),
        owner: plan.owners.first().cloned().unwrap_or_default(),
        class_ref,
        operator_name: operator,
        downstream_task_ids: task.downstream.iter().filter_map(|index| Some(plan.task(*index)?.task_id.clone())).collect(),
        trigger_rule: task.trigger_rule.as_str().to_owned(),
        pool: task.pool.to_string(),
        pool_slots: task.pool_slots,
        queue: task.queue.to_string(),
        priority_weight: task.priority,
        weight_rule: "absolute".to_owned(),
        retries: task.retry.max_tries.saturating_sub(1),
        retry_delay: TimeDelta::from_ms(task.retry.delay_ms),
        retry_exponential_backoff: !matches!(task.retry.backoff, Backoff::Constant),
        execution_timeout: TimeDelta::from_ms(task.limits.wall_ms),
        depends_on_past: false,
        wait_for_downstream: false,
        is_mapped: task.is_mapped(),
        doc_md: task.doc.clone(),
        start_date: plan.start_date,
        end_date: plan.end_date,
        extra_links: Vec::new(),
        template_fields: vec!["input".to_owned()],
        ui_color: "#fff".to_owned(),
        ui_fgcolor: "#000".to_owned(),
    }
}

#[derive(Deserialize)]
pub(crate) struct TokenPath {
    file_token: DagId,
}

/// The definition of a dag, as it was applied: in a JSON document, or with `Accept: text/plain` as it is. The `file_token` of a
/// dag is its name.
#[utoipa::path(
    get,
    path = "/api/v1/dagSources/{file_token}",
    tag = "dags",
    operation_id = "get_dag_source",
    params(("file_token" = String, Path, description = "The `file_token` of the dag.")),
    responses((status = 200, content((DagSource = "application/json"), (String = "text/plain"))))
)]
pub(crate) async fn source(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TokenPath>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let version = dags::get_version(&mut tx, &path.file_token, None).await?;
    let content = serde_json::to_string_pretty(&version.definition).map_err(ApiError::internal)?;
    let plain = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    Ok(if plain {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], content).into_response()
    } else {
        Json(DagSource { content }).into_response()
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    /// Names of dags, separated by commas; all when left out.
    dag_ids: Option<String>,
}

/// How many runs of dags are in each state.
#[utoipa::path(
    get,
    path = "/api/v1/dagStats",
    tag = "dags",
    operation_id = "get_dag_stats",
    params(StatsQuery),
    responses((status = 200, body = DagStatsCollection))
)]
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<StatsQuery>,
) -> Result<Json<DagStatsCollection>, ApiError> {
    let names = query.dag_ids.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let wanted = names
        .map(|name| DagId::new(name).map_err(|error| ApiError::new(ErrorCode::InvalidParameter, crate::error::sentence(&error))));
    let wanted: Vec<DagId> = wanted.collect::<Result<_, _>>()?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let mut dags: Vec<DagStats> = Vec::new();
    for (dag_id, state, count) in runs::count_by_state(&mut tx, &wanted).await? {
        if dags.last().is_none_or(|last| last.dag_id != dag_id) {
            let stats = cofferdam_domain::run::RunStateName::ALL.iter();
            let stats = stats.map(|state| DagStatsState { state: state.to_string(), count: 0 }).collect();
            dags.push(DagStats { dag_id, stats });
        }
        let entries = dags.last_mut().into_iter().flat_map(|last| &mut last.stats);
        entries.filter(|entry| state.is_some_and(|state| entry.state == state.as_str())).for_each(|entry| entry.count = count);
    }
    Ok(Json(DagStatsCollection { total_entries: dags.len() as u64, dags }))
}

/// Files with mistakes: none, since dags are applied and not found in files; what is wrong is told to who applies.
#[utoipa::path(
    get,
    path = "/api/v1/importErrors",
    tag = "dags",
    operation_id = "get_import_errors",
    params(Page),
    responses((status = 200, body = ImportErrorCollection))
)]
pub(crate) async fn import_errors(_: State<Arc<App>>, _: Caller<Viewer>, _: QueryParams<Page>) -> Json<ImportErrorCollection> {
    Json(ImportErrorCollection { import_errors: Vec::new(), total_entries: 0 })
}

/// Warnings about dags: none, since a dag with something wrong is not applied. (The list has the name that Airflow gives it.)
#[utoipa::path(
    get,
    path = "/api/v1/dagWarnings",
    tag = "dags",
    operation_id = "get_dag_warnings",
    responses((status = 200, body = ImportErrorCollection))
)]
pub(crate) async fn warnings(_: State<Arc<App>>, _: Caller<Viewer>) -> Json<ImportErrorCollection> {
    Json(ImportErrorCollection { import_errors: Vec::new(), total_entries: 0 })
}
