use super::super::words::{reason, receipt, try_ending};
use super::mapped::MappedPath;
use super::{MapIndexQuery, TaskPath, plan, wire};
use crate::App;
use crate::endpoints::dag_runs::duration_s;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, order, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{TaskInstance, TaskState, Try, TryCollection};
use cofferdam_domain::context::Context;
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::task_instances::TryEnding;
use cofferdam_store::{runs, task_instances};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which tries of which instance.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriesQuery {
    /// Position in a mapped task.
    map_index: Option<i32>,
    /// The most tries to answer with, from 1 to 1000.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
    /// `try_number` (the default), or `-try_number` for the last one first.
    order_by: Option<String>,
}

/// The tries of a task instance that have ended, the first one first.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries",
    tag = "task-instances",
    operation_id = "list_tries",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        TriesQuery
    ),
    responses((status = 200, body = TryCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<TriesQuery>,
) -> Result<Json<TryCollection>, ApiError> {
    let map_index = query.map_index.unwrap_or(-1);
    some(&app, &caller.context, path, map_index, query).await.map(Json)
}

/// The tries of an instance of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries",
    tag = "task-instances",
    operation_id = "get_mapped_task_instance_tries",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task."),
        TriesQuery
    ),
    responses((status = 200, body = TryCollection))
)]
pub(crate) async fn mapped(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<MappedPath>,
    QueryParams(query): QueryParams<TriesQuery>,
) -> Result<Json<TryCollection>, ApiError> {
    let (path, map_index) = path.split();
    some(&app, &caller.context, path, map_index, query).await.map(Json)
}

/// Names a try.
#[derive(Deserialize)]
pub(crate) struct TryPath {
    pub(super) dag_id: DagId,
    pub(super) dag_run_id: DagRunId,
    pub(super) task_id: TaskId,
    pub(super) try_number: u32,
}

/// A try of a task instance that has ended, as a task instance.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{try_number}",
    tag = "task-instances",
    operation_id = "get_task_instance_try_details",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("try_number" = u32, Path, description = "The try, counted from 1."),
        MapIndexQuery
    ),
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TryPath>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<TaskInstance>, ApiError> {
    let task = TaskPath { dag_id: path.dag_id, dag_run_id: path.dag_run_id, task_id: path.task_id };
    numbered(&app, &caller.context, task, query.get(), path.try_number).await.map(Json)
}

/// Names a try of an instance of a mapped task.
#[derive(Deserialize)]
pub(crate) struct MappedTryPath {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    map_index: i32,
    try_number: u32,
}

/// A try of an instance of a mapped task that has ended, as a task instance.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries/{try_number}",
    tag = "task-instances",
    operation_id = "get_mapped_task_instance_try_details",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task."),
        ("try_number" = u32, Path, description = "The try, counted from 1.")
    ),
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn one_mapped(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<MappedTryPath>,
) -> Result<Json<TaskInstance>, ApiError> {
    let task = TaskPath { dag_id: path.dag_id, dag_run_id: path.dag_run_id, task_id: path.task_id };
    numbered(&app, &caller.context, task, path.map_index, path.try_number).await.map(Json)
}

async fn numbered(
    app: &App,
    context: &Context,
    path: TaskPath,
    map_index: i32,
    try_number: u32,
) -> Result<TaskInstance, ApiError> {
    let (ended, as_instances) = read(app, context, &path, map_index).await?;
    let place = ended.iter().position(|one| one.try_number == try_number);
    place
        .and_then(|place| as_instances.into_iter().nth(place))
        .ok_or_else(|| ApiError::not_found(format!("The try {try_number} of the task '{}'", path.task_id)))
}

async fn some(
    app: &App,
    context: &Context,
    path: TaskPath,
    map_index: i32,
    query: TriesQuery,
) -> Result<TryCollection, ApiError> {
    let page = page(query.limit.unwrap_or(1000), query.offset.unwrap_or(0))?;
    let last_first = order(query.order_by.as_deref(), &[("try_number", ())])?.backwards;
    let (mut tries, mut task_instances) = read(app, context, &path, map_index).await?;
    let total_entries = tries.len() as u64;
    if last_first {
        tries.reverse();
        task_instances.reverse();
    }
    let (offset, limit) = (page.offset as usize, page.limit as usize);
    Ok(TryCollection {
        tries: tries.into_iter().skip(offset).take(limit).collect(),
        task_instances: task_instances.into_iter().skip(offset).take(limit).collect(),
        total_entries,
    })
}

/// The tries that have ended, as such and as task instances.
async fn read(app: &App, context: &Context, path: &TaskPath, map_index: i32) -> Result<(Vec<Try>, Vec<TaskInstance>), ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, map_index).await?;
    let ended = task_instances::tries(&mut tx, instance.id).await?;
    let now = wire(instance, &run, &plan);
    let as_instances = ended.iter().map(|ended| TaskInstance {
        state: match ended.ending {
            TryEnding::Success => TaskState::Success,
            TryEnding::Failure if ended.try_number == now.try_number && now.state.is_finished() => now.state,
            TryEnding::Failure => TaskState::UpForRetry,
            TryEnding::Skip => TaskState::Skipped,
            TryEnding::Reschedule => TaskState::UpForReschedule,
            TryEnding::Defer => TaskState::Deferred,
        },
        reason: ended.reason.map(reason),
        try_number: ended.try_number,
        queued_at: Some(ended.queued_at),
        queued_when: Some(ended.queued_at),
        start_date: ended.started_at,
        end_date: Some(ended.ended_at),
        duration: duration_s(ended.started_at, Some(ended.ended_at)),
        worker_id: ended.worker,
        hostname: ended.worker.map(|worker| worker.to_string()).unwrap_or_default(),
        message: ended.message.clone(),
        receipt: Some(receipt(ended.receipt)),
        ..now.clone()
    });
    let as_instances = as_instances.collect();
    Ok((ended.into_iter().map(as_try).collect(), as_instances))
}

pub(crate) fn as_try(ended: task_instances::Try) -> Try {
    Try {
        try_number: ended.try_number,
        ending: try_ending(ended.ending),
        reason: ended.reason.map(reason),
        message: ended.message,
        worker_id: ended.worker,
        queued_at: ended.queued_at,
        start_date: ended.started_at,
        end_date: ended.ended_at,
        receipt: receipt(ended.receipt),
    }
}
