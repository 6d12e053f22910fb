//! Batch lists of runs, and what Airflow tells of a task instance.

use crate::App;
use crate::endpoints::dag_runs::list::{order, states};
use crate::endpoints::dag_runs::wire;
use crate::endpoints::task_instances::plan;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, PathParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{DagRunCollection, ExtraLinkCollection, FailedDependency, FailedDependencyCollection, ListDagRunsForm};
use cofferdam_domain::context::Context;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::runs::{self, RunFilter};
use cofferdam_store::task_instances;
use serde::Deserialize;
use std::sync::Arc;

/// Runs of any dags that pass a filter.
#[utoipa::path(
    post,
    path = "/api/v1/dags/~/dagRuns/list",
    tag = "dag-runs",
    operation_id = "get_dag_runs_batch",
    request_body = ListDagRunsForm,
    responses((status = 200, body = DagRunCollection))
)]
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    JsonBody(form): JsonBody<ListDagRunsForm>,
) -> Result<Json<DagRunCollection>, ApiError> {
    let page = page(form.page_limit.unwrap_or(100), form.page_offset.unwrap_or(0))?;
    let order = order(form.order_by.as_deref())?;
    let filter = RunFilter {
        states: states(Some(&form.states.unwrap_or_default().join(",")))?,
        dag_ids: form.dag_ids.unwrap_or_default(),
        logical_date_from: form.execution_date_gte,
        logical_date_to: form.execution_date_lte,
        started: (form.start_date_gte, form.start_date_lte),
        ended: (form.end_date_gte, form.end_date_lte),
        ..RunFilter::default()
    };
    let mut tx = app.state.store.begin(&caller.context).await?;
    let listed = runs::list(&mut tx, &filter, order, page).await?;
    Ok(Json(DagRunCollection { dag_runs: listed.items.into_iter().map(wire).collect(), total_entries: listed.total }))
}

/// Names a task instance.
#[derive(Deserialize)]
pub(crate) struct TaskPath {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    #[serde(default = "unmapped")]
    map_index: i32,
}

const fn unmapped() -> i32 {
    -1
}

/// Links of a task instance: none, since components have no classes that make them.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links",
    tag = "task-instances",
    operation_id = "get_extra_links",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    responses((status = 200, body = ExtraLinkCollection))
)]
pub(crate) async fn links(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<ExtraLinkCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let found = plan.task_named(&path.task_id);
    found.ok_or_else(|| ApiError::not_found(format!("The task '{}'", path.task_id)))?;
    Ok(Json(ExtraLinkCollection { extra_links: Vec::new() }))
}

/// Why a task instance does not run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies",
    tag = "task-instances",
    operation_id = "get_task_instance_dependencies",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    responses((status = 200, body = FailedDependencyCollection))
)]
pub(crate) async fn dependencies(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<FailedDependencyCollection>, ApiError> {
    in_the_way(&app, &caller.context, path).await
}

/// Why an instance of a mapped task does not run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies",
    tag = "task-instances",
    operation_id = "get_mapped_task_instance_dependencies",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task.")
    ),
    responses((status = 200, body = FailedDependencyCollection))
)]
pub(crate) async fn mapped_dependencies(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<FailedDependencyCollection>, ApiError> {
    in_the_way(&app, &caller.context, path).await
}

async fn in_the_way(app: &App, context: &Context, path: TaskPath) -> Result<Json<FailedDependencyCollection>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, path.map_index).await?;
    let plan = plan(&mut tx, &run).await?;
    let mut dependencies = Vec::new();
    let mut add = |name: &str, reason: String| dependencies.push(FailedDependency { name: name.to_owned(), reason });
    if instance.state != TaskStateName::None {
        add("Task Instance State", format!("The task instance is {}.", instance.state));
    } else if let Some(task) = plan.task_named(&path.task_id) {
        if !run.state.is_finished() && run.started_at.is_none() {
            add("Dagrun Running", "The run waits for its turn.".to_owned());
        }
        let all = task_instances::list(&mut tx, run.key).await?;
        let before = all.iter().filter(|other| task.upstream.iter().any(|index| u32::try_from(*index) == Ok(other.task_index)));
        let waiting: Vec<String> = before
            .filter(|other| !other.state.is_finished())
            .map(|other| format!("{} is {}", other.task_id, other.state))
            .collect();
        if !waiting.is_empty() {
            add("Trigger Rule", format!("The rule '{}' waits: {}.", task.trigger_rule.as_str(), waiting.join(", ")));
        }
    }
    Ok(Json(FailedDependencyCollection { dependencies }))
}
