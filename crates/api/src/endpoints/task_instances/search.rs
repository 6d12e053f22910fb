//! Lists of task instances, of one run or across runs.

use super::{TaskPath, wire};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, PathParams, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, ListTaskInstancesForm, TaskInstanceCollection, TaskInstanceListQuery};
use cofferdam_domain::context::Context;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, RunKey, TaskId};
use cofferdam_store::task_instances::{self, InstanceField, InstanceFilter, TaskInstance};
use cofferdam_store::{Page, dags, runs};
use std::collections::HashMap;
use std::sync::Arc;

/// The most instances of one answer that names one run.
const MOST_OF_A_RUN: u32 = 20_000;

const FIELDS: [(&str, InstanceField); 5] = [
    ("map_index", InstanceField::MapIndex),
    ("state", InstanceField::State),
    ("duration", InstanceField::Duration),
    ("start_date", InstanceField::Started),
    ("end_date", InstanceField::Ended),
];

/// Which dags, runs and tasks a path names.
pub(crate) struct Scope {
    pub dag: Option<DagId>,
    pub run: Option<DagRunId>,
    pub task: Option<TaskId>,
}

impl Scope {
    /// `~` stands for all.
    pub(crate) fn new(dag: &str, run: &str, task: Option<TaskId>) -> Result<Self, ApiError> {
        let dag = (dag != "~").then(|| DagId::new(dag)).transpose();
        let run = (run != "~").then(|| DagRunId::new(run)).transpose();
        match (dag, run) {
            (Ok(dag), Ok(run)) => Ok(Self { dag, run, task }),
            _ => Err(ApiError::not_found("The dag run")),
        }
    }
}

/// The instances in a scope that pass a filter.
pub(super) async fn search(
    app: &App,
    context: &Context,
    scope: Scope,
    query: &TaskInstanceListQuery,
) -> Result<TaskInstanceCollection, ApiError> {
    let page = match (query.limit, &scope.run) {
        // Who shows a run wants all of it.
        (None, Some(_)) => Page { limit: MOST_OF_A_RUN, offset: query.offset },
        (limit, _) => page(limit.unwrap_or(100), query.offset)?,
    };
    let mut tx = app.state.store.begin(context).await?;
    // An empty list would hide that there is no such dag or run.
    match (&scope.dag, &scope.run) {
        (Some(dag), Some(run)) => drop(runs::get(&mut tx, dag, run).await?),
        (Some(dag), None) => drop(dags::get(&mut tx, dag).await?),
        (None, _) => {}
    }
    tx.rollback().await?;
    let filter = InstanceFilter {
        dags: scope.dag.into_iter().collect(),
        runs: scope.run.into_iter().collect(),
        tasks: scope.task.into_iter().collect(),
        states: states(words(query.state.as_deref()))?,
        pools: words(query.pool.as_deref()).map(str::to_owned).collect(),
        queues: words(query.queue.as_deref()).map(str::to_owned).collect(),
        mapped: false,
        logical_date: (query.execution_date_gte, query.execution_date_lte),
        started: (query.start_date_gte, query.start_date_lte),
        ended: (query.end_date_gte, query.end_date_lte),
        updated: (query.updated_at_gte, query.updated_at_lte),
        duration_s: (query.duration_gte, query.duration_lte),
        order: query.order_by.as_deref().map(|by| order(Some(by), &FIELDS)).transpose()?,
    };
    found(app, context, &filter, page).await
}

async fn found(app: &App, context: &Context, filter: &InstanceFilter, page: Page) -> Result<TaskInstanceCollection, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let listed = task_instances::search(&mut tx, filter, page).await?;
    let mut keys: Vec<RunKey> = listed.items.iter().map(|instance| instance.run).collect();
    keys.sort_unstable();
    keys.dedup();
    let known: HashMap<RunKey, runs::Run> = runs::get_many(&mut tx, &keys).await?.into_iter().map(|run| (run.key, run)).collect();
    let plans = app.state.engine.plans(&mut tx, known.values().map(|run| run.version)).await?;
    // A run that was deleted since then is left out with its instances.
    let of = |instance: TaskInstance| {
        let run = known.get(&instance.run)?;
        Some(wire(instance, run, plans.get(&run.version)?))
    };
    let shown = listed.items.into_iter().filter_map(of).collect();
    Ok(TaskInstanceCollection { task_instances: shown, total_entries: listed.total })
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn states<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<TaskStateName>, ApiError> {
    words
        .map(|word| {
            TaskStateName::parse(word).ok_or_else(|| {
                let known: Vec<&str> = TaskStateName::ALL.iter().map(|state| state.as_str()).collect();
                let detail = format!("'{word}' is not a state of a task instance; those are {}.", known.join(", "));
                ApiError::new(ErrorCode::InvalidParameter, detail)
            })
        })
        .collect()
}

/// Task instances of any dags and runs that pass a filter.
#[utoipa::path(
    post,
    path = "/api/v1/dags/~/dagRuns/~/taskInstances/list",
    tag = "task-instances",
    operation_id = "get_task_instances_batch",
    request_body = ListTaskInstancesForm,
    responses((status = 200, body = TaskInstanceCollection))
)]
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    JsonBody(form): JsonBody<ListTaskInstancesForm>,
) -> Result<Json<TaskInstanceCollection>, ApiError> {
    let page = page(form.page_limit.unwrap_or(100), form.page_offset.unwrap_or(0))?;
    // Null stands for a task that has no state yet.
    let named: Vec<String> =
        form.state.unwrap_or_default().into_iter().map(|state| state.unwrap_or_else(|| "none".to_owned())).collect();
    let filter = InstanceFilter {
        dags: form.dag_ids.unwrap_or_default(),
        runs: form.dag_run_ids.unwrap_or_default(),
        tasks: form.task_ids.unwrap_or_default(),
        states: states(named.iter().map(String::as_str))?,
        pools: form.pool.unwrap_or_default(),
        queues: form.queue.unwrap_or_default(),
        mapped: false,
        logical_date: (form.execution_date_gte, form.execution_date_lte),
        started: (form.start_date_gte, form.start_date_lte),
        ended: (form.end_date_gte, form.end_date_lte),
        updated: (None, None),
        duration_s: (form.duration_gte, form.duration_lte),
        order: None,
    };
    found(&app, &caller.context, &filter, page).await.map(Json)
}

/// The instances of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped",
    tag = "task-instances",
    operation_id = "get_mapped_task_instances",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        TaskInstanceListQuery
    ),
    responses((status = 200, body = TaskInstanceCollection))
)]
pub(crate) async fn list_mapped(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<TaskInstanceListQuery>,
) -> Result<Json<TaskInstanceCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = super::plan(&mut tx, &run).await?;
    if plan.task_named(&path.task_id).is_none() {
        return Err(ApiError::not_found(format!("The task '{}'", path.task_id)));
    }
    tx.rollback().await?;
    let scope = Scope { dag: Some(path.dag_id), run: Some(path.dag_run_id), task: Some(path.task_id) };
    search(&app, &caller.context, scope, &query).await.map(Json)
}
