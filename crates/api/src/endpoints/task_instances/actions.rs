//! Clearing, marking and noting task instances.

use super::{TaskPath, plan, references, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::dag_runs::note::checked;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{
    ClearTaskInstances, ErrorCode, MarkedState, RunTask, SetNote, TaskInstance, TaskInstanceReference,
    TaskInstanceReferenceCollection, UpdateTaskInstance, UpdateTaskInstancesState,
};
use cofferdam_domain::context::Context;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{Act, Selection, Touched};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use cofferdam_store::audit::Action;
use cofferdam_store::execution::actions::RunScope;
use cofferdam_store::{runs, task_instances};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct DagPath {
    dag_id: DagId,
}

/// Clears task instances: they are run anew, when their trigger rules allow it. With `dry_run`, which is the default as in
/// Airflow, it only answers which ones that would be.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/clearTaskInstances",
    tag = "task-instances",
    operation_id = "clear_task_instances",
    params(("dag_id" = String, Path, description = "The dag.")),
    request_body = ClearTaskInstances,
    responses((status = 200, body = TaskInstanceReferenceCollection))
)]
pub(crate) async fn clear(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<DagPath>,
    JsonBody(body): JsonBody<ClearTaskInstances>,
) -> Result<Json<TaskInstanceReferenceCollection>, ApiError> {
    let selection = selection(&body)?;
    let touched = app.state.engine.act(&caller.context, &path.dag_id, &selection, Act::Clear, body.dry_run).await?;
    if !body.dry_run {
        audit(&app, &caller.context, &path.dag_id, "task_instance.clear", &touched).await;
    }
    Ok(Json(references(&path.dag_id, touched)))
}

fn selection(body: &ClearTaskInstances) -> Result<Selection, ApiError> {
    let wrong = |pointer: &str, detail: &str| Err(ApiError::new(ErrorCode::InvalidBody, detail).at(pointer));
    if body.dag_run_id.is_some() && (body.start_date.is_some() || body.end_date.is_some()) {
        return wrong("/dag_run_id", "Name a run or give dates, not both.");
    }
    if body.dag_run_id.is_none() && (body.include_past || body.include_future) {
        return wrong("/dag_run_id", "'include_past' and 'include_future' need the run that they are counted from.");
    }
    if body.only_failed && body.only_running {
        return wrong(
            "/only_running",
            "'only_failed' and 'only_running' exclude each other; 'only_failed' is true unless it is set.",
        );
    }
    let states = match (body.only_failed, body.only_running) {
        (true, _) => Some(vec![TaskStateName::Failed, TaskStateName::UpstreamFailed]),
        (false, true) => Some(vec![TaskStateName::Running]),
        (false, false) => None,
    };
    Ok(Selection {
        tasks: body.task_ids.clone(),
        map_index: body.map_index,
        runs: RunScope { dag_run_ids: body.dag_run_id.clone().map(|run| vec![run]), from: body.start_date, to: body.end_date },
        past: body.include_past,
        future: body.include_future,
        upstream: body.include_upstream,
        downstream: body.include_downstream,
        states,
        instances: None,
    })
}

/// Gives instances of a task a state. With `dry_run`, which is the default as in Airflow, it only answers which ones that
/// would be.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/updateTaskInstancesState",
    tag = "task-instances",
    operation_id = "update_task_instances_state",
    params(("dag_id" = String, Path, description = "The dag.")),
    request_body = UpdateTaskInstancesState,
    responses((status = 200, body = TaskInstanceReferenceCollection))
)]
pub(crate) async fn mark_many(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<DagPath>,
    JsonBody(body): JsonBody<UpdateTaskInstancesState>,
) -> Result<Json<TaskInstanceReferenceCollection>, ApiError> {
    let runs_meant = match (&body.dag_run_id, body.execution_date) {
        (Some(run), None) => RunScope { dag_run_ids: Some(vec![run.clone()]), ..RunScope::default() },
        (None, Some(date)) => {
            let from = (!body.include_past).then_some(date);
            RunScope { dag_run_ids: None, from, to: (!body.include_future).then_some(date) }
        }
        _ => {
            let detail = "Name the run with 'dag_run_id' or with 'execution_date', one of them.";
            return Err(ApiError::new(ErrorCode::InvalidBody, detail).at("/dag_run_id"));
        }
    };
    let selection = Selection {
        tasks: Some(vec![body.task_id.clone()]),
        map_index: body.map_index,
        runs: runs_meant,
        past: body.include_past,
        future: body.include_future,
        upstream: body.include_upstream,
        downstream: body.include_downstream,
        states: None,
        instances: None,
    };
    let act = act(body.new_state);
    let touched = app.state.engine.act(&caller.context, &path.dag_id, &selection, act, body.dry_run).await?;
    if !body.dry_run {
        audit(&app, &caller.context, &path.dag_id, action(body.new_state), &touched).await;
    }
    Ok(Json(references(&path.dag_id, touched)))
}

/// Gives a task instance a state. With `dry_run`, which is the default as in Airflow, nothing changes.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
    tag = "task-instances",
    operation_id = "patch_task_instance",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    request_body = UpdateTaskInstance,
    responses((status = 200, body = TaskInstanceReference))
)]
pub(crate) async fn mark(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<TaskPath>,
    JsonBody(body): JsonBody<UpdateTaskInstance>,
) -> Result<Json<TaskInstanceReference>, ApiError> {
    mark_one(&app, &caller.context, path, -1, body).await
}

pub(super) async fn mark_one(
    app: &App,
    context: &Context,
    path: TaskPath,
    map_index: i32,
    body: UpdateTaskInstance,
) -> Result<Json<TaskInstanceReference>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let before = task_instances::get(&mut tx, run.key, &path.task_id, map_index).await?;
    tx.rollback().await?;
    let selection = one(&path.dag_run_id, &path.task_id, map_index);
    let touched = app.state.engine.act(context, &path.dag_id, &selection, act(body.new_state), body.dry_run).await?;
    if !body.dry_run {
        audit(app, context, &path.dag_id, action(body.new_state), &touched).await;
    }
    Ok(Json(TaskInstanceReference {
        dag_id: path.dag_id,
        dag_run_id: path.dag_run_id,
        execution_date: run.logical_date,
        task_id: path.task_id,
        map_index,
        state: crate::endpoints::words::task_state(before.state),
    }))
}

/// Writes a note on a task instance; an empty one removes it.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/setNote",
    tag = "task-instances",
    operation_id = "set_task_instance_note",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    request_body = SetNote,
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn note(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<TaskPath>,
    JsonBody(body): JsonBody<SetNote>,
) -> Result<Json<TaskInstance>, ApiError> {
    note_one(&app, &caller.context, path, -1, &body).await
}

pub(super) async fn note_one(
    app: &App,
    context: &Context,
    path: TaskPath,
    map_index: i32,
    body: &SetNote,
) -> Result<Json<TaskInstance>, ApiError> {
    let note = checked(body)?;
    app.state.engine.note_instance(context, (&path.dag_id, &path.dag_run_id, &path.task_id), map_index, note).await?;
    let target = format!("{}/{}/{}", path.dag_id, path.dag_run_id, path.task_id);
    let done = Action { action: "task_instance.note", target_kind: "task_instance", target: &target };
    audit_after(app, context, done, json!({ "map_index": map_index })).await;
    shown(app, context, &path, map_index).await
}

/// Runs one task of a run by itself, at once and whatever its trigger rule says. Tasks that wait for it are not run again. A
/// task that is under way is a conflict.
#[utoipa::path(
    post,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/run",
    tag = "task-instances",
    operation_id = "run_task",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    request_body = RunTask,
    responses((status = 200, body = TaskInstance))
)]
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<TaskPath>,
    JsonBody(body): JsonBody<RunTask>,
) -> Result<Json<TaskInstance>, ApiError> {
    let (context, map_index) = (caller.context, body.map_index.unwrap_or(-1));
    let selection = one(&path.dag_run_id, &path.task_id, map_index);
    let touched = app.state.engine.act(&context, &path.dag_id, &selection, Act::Run, false).await?;
    audit(&app, &context, &path.dag_id, "task_instance.run", &touched).await;
    shown(&app, &context, &path, map_index).await
}

async fn shown(app: &App, context: &Context, path: &TaskPath, map_index: i32) -> Result<Json<TaskInstance>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let plan = plan(&mut tx, &run).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, map_index).await?;
    Ok(Json(wire(instance, &run, &plan)))
}

fn one(run: &DagRunId, task: &TaskId, map_index: i32) -> Selection {
    Selection {
        tasks: Some(vec![task.clone()]),
        map_index: Some(map_index),
        runs: RunScope { dag_run_ids: Some(vec![run.clone()]), ..RunScope::default() },
        ..Selection::default()
    }
}

const fn act(state: MarkedState) -> Act {
    match state {
        MarkedState::Success => Act::MarkSuccess,
        MarkedState::Failed => Act::MarkFailed,
        MarkedState::Skipped => Act::MarkSkipped,
    }
}

const fn action(state: MarkedState) -> &'static str {
    match state {
        MarkedState::Success => "task_instance.mark_success",
        MarkedState::Failed => "task_instance.mark_failed",
        MarkedState::Skipped => "task_instance.mark_skipped",
    }
}

/// One entry for all: about the instance when it is one, else about the dag, with the instances while they are few.
async fn audit(app: &App, context: &Context, dag: &DagId, action: &str, touched: &[Touched]) {
    if touched.is_empty() {
        return;
    }
    if let [one] = touched {
        let target = format!("{dag}/{}/{}", one.dag_run_id, one.task_id);
        let done = Action { action, target_kind: "task_instance", target: &target };
        audit_after(app, context, done, json!({ "map_index": one.map_index, "try_number": one.try_number })).await;
        return;
    }
    let named: Vec<String> = touched
        .iter()
        .take(50)
        .map(|one| match one.map_index {
            -1 => format!("{}/{}", one.dag_run_id, one.task_id),
            map_index => format!("{}/{}[{map_index}]", one.dag_run_id, one.task_id),
        })
        .collect();
    let done = Action { action, target_kind: "task_instance", target: dag.as_str() };
    audit_after(app, context, done, json!({ "count": touched.len(), "task_instances": named })).await;
}
