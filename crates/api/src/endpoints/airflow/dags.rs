//! Tasks, sources and figures of dags.

use super::super::words;
use super::backwards;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{
    ClassReference, DagSource, DagStats, DagStatsCollection, DagStatsState, ErrorCode, ImportError, ImportErrorCollection, Task,
    TaskCollection, TimeDelta,
};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::retry::Backoff;
use cofferdam_ids::{DagId, TaskId};
use cofferdam_store::bundles::{self, FileFilter};
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
        Json(DagSource { content, origin: version.origin.map(words::origin) }).into_response()
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

/// Files of bundles with something wrong, as Airflow tells it; `diagnostics` has each with its place in the file.
#[utoipa::path(
    get,
    path = "/api/v1/importErrors",
    tag = "dags",
    operation_id = "get_import_errors",
    params(ImportErrorQuery),
    responses((status = 200, body = ImportErrorCollection))
)]
pub(crate) async fn import_errors(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    QueryParams(query): QueryParams<ImportErrorQuery>,
) -> Result<Json<ImportErrorCollection>, ApiError> {
    let last_first = match query.order_by.as_deref() {
        // The numbers follow the time.
        Some("timestamp") => false,
        Some("-timestamp") => true,
        other => backwards(other, "import_error_id")?,
    };
    let page = page(query.limit, query.offset)?;
    let filter = FileFilter { broken: true, by_id: Some(last_first), ..FileFilter::default() };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = bundles::files(&mut tx, filter, page).await?;
    let import_errors = listed.items.into_iter().map(import_error_of).collect::<Result<_, _>>()?;
    Ok(Json(ImportErrorCollection { import_errors, total_entries: listed.total }))
}

/// What is wrong with a file of a bundle.
#[utoipa::path(
    get,
    path = "/api/v1/importErrors/{import_error_id}",
    tag = "dags",
    operation_id = "get_import_error",
    params(("import_error_id" = i64, Path, description = "The number of the import error.")),
    responses((status = 200, body = ImportError))
)]
pub(crate) async fn import_error(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<ImportErrorPath>,
) -> Result<Json<ImportError>, ApiError> {
    let filter = FileFilter { broken: true, id: Some(path.import_error_id), ..FileFilter::default() };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let found = bundles::files(&mut tx, filter, cofferdam_store::Page::first(1)).await?.items.pop();
    let found = found.ok_or_else(|| ApiError::not_found(format!("The import error {}", path.import_error_id)))?;
    import_error_of(found).map(Json)
}

#[derive(Deserialize)]
pub(crate) struct ImportErrorPath {
    import_error_id: i64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ImportErrorQuery {
    /// The most to answer with, from 1 to 1000.
    limit: u32,
    /// How many to pass over.
    offset: u32,
    /// `import_error_id` (the default) or `timestamp`, with `-` before it for the latest first.
    order_by: Option<String>,
}

impl Default for ImportErrorQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, order_by: None }
    }
}

fn import_error_of(file: bundles::BundleFile) -> Result<ImportError, ApiError> {
    let diagnostics = crate::bundles::stored(file.problems)?;
    Ok(ImportError {
        import_error_id: file.id,
        timestamp: file.changed_at,
        stack_trace: crate::bundles::in_words(&file.path, &diagnostics),
        filename: file.path,
        bundle_name: Some(file.bundle),
        diagnostics,
    })
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
