//! Batch lists of runs, and what Airflow tells of a task instance.

use crate::App;
use crate::endpoints::dag_runs::list::{order, states};
use crate::endpoints::dag_runs::wire;
use crate::endpoints::segment;
use crate::endpoints::task_instances::plan;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, PathParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ClassReference, DagRunCollection, ExtraLink, ExtraLinkCollection, ListDagRunsForm};
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
    pub dag_id: DagId,
    pub dag_run_id: DagRunId,
    pub task_id: TaskId,
    #[serde(default = "unmapped")]
    pub map_index: i32,
}

const fn unmapped() -> i32 {
    -1
}

/// Links of a task instance. Components have no classes that make them, so there is one kind: the run that a task with `run_dag` made.
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
    let task = found.ok_or_else(|| ApiError::not_found(format!("The task '{}'", path.task_id)))?;
    let mut extra_links = Vec::new();
    if task.work.component().is_none() {
        let instance = task_instances::get(&mut tx, run.key, &path.task_id, path.map_index).await?;
        let class_ref = ClassReference { module_path: String::new(), class_name: task.work.kind().to_owned() };
        extra_links.extend(runs::made_by(&mut tx, instance.id).await?.map(|(dag, run)| ExtraLink {
            class_ref,
            name: "Triggered DAG".to_owned(),
            href: format!("/dags/{}/runs/{}", segment(dag.as_str()), segment(run.as_str())),
        }));
    }
    Ok(Json(ExtraLinkCollection { extra_links }))
}
