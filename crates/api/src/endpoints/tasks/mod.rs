//! Tasks by themselves: each is a dag of one task inside, so runs, logs, retries and dead letters are those of that dag.

mod create;
mod definition;
mod delete;
mod get;
mod list;
mod update;

use super::words::diagnostic;
use crate::App;
use crate::endpoints::audit_after;
use crate::endpoints::dags::wire as wire_dag;
use crate::error::{ApiError, sentence};
use crate::scripts;
use axum::Json;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{ErrorCode, Problem, PutTask, StandaloneTask};
use cofferdam_domain::context::Context;
use cofferdam_domain::definition::Diagnostic;
use cofferdam_engine::{ApplyError, Expect, Standalone};
use cofferdam_ids::{DagId, TaskId};
use cofferdam_store::audit::Action;
use cofferdam_store::{Tx, dags};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create::handler, list::handler)).routes(routes!(
        get::handler,
        update::handler,
        delete::handler
    ))
}

/// Names a task.
#[derive(Deserialize)]
pub(crate) struct TaskPath {
    task_id: TaskId,
}

/// The dag that a task is inside.
fn dag_of(task: &TaskId) -> Result<DagId, ApiError> {
    DagId::new(task.as_str()).map_err(|error| ApiError::new(ErrorCode::InvalidBody, sentence(&error)).at("/task_id"))
}

/// A task as it stands.
async fn find(tx: &mut Tx<'_>, task: &TaskId) -> Result<dags::Dag, ApiError> {
    let unknown = || ApiError::not_found(format!("The task '{task}'"));
    let dag_id = DagId::new(task.as_str()).map_err(|_| unknown())?;
    let found = dags::get(tx, &dag_id).await.map_err(|_| unknown())?;
    if found.standalone { Ok(found) } else { Err(unknown()) }
}

fn wire(dag: dags::Dag, definition: Value) -> Result<StandaloneTask, ApiError> {
    let dag = wire_dag(dag);
    let task_id = TaskId::new(dag.dag_id.as_str()).map_err(ApiError::internal)?;
    let written = definition::read(&task_id, definition);
    Ok(StandaloneTask {
        task_id,
        version: dag.revision,
        description: dag.description,
        schedule: written.schedule,
        schedule_in_words: dag.schedule_in_words,
        depends_on: written.depends_on,
        priority: written.priority,
        retries: written.retries,
        is_paused: dag.is_paused,
        tags: dag.tags,
        owners: dag.owners,
        next_run: dag.next_run,
        recent_runs: dag.recent_runs,
        created_at: dag.created_at,
        updated_at: dag.updated_at,
        definition: written.rest,
    })
}

/// The task, with its version as the `ETag`.
fn shown(status: StatusCode, task: &StandaloneTask) -> Response {
    let etag = HeaderValue::try_from(format!("\"{}\"", task.version)).unwrap_or(HeaderValue::from_static("\"0\""));
    (status, [(header::ETAG, etag)], Json(task)).into_response()
}

/// Makes or changes a task, and reads it again.
async fn put(app: &App, context: &Context, task_id: &TaskId, body: PutTask, expect: Expect) -> Result<StandaloneTask, ApiError> {
    let (paused, depends) = (body.is_paused, !body.depends_on.is_empty());
    dag_of(task_id)?;
    let definition = definition::of(task_id, body)?;
    let mut wrong = scripts::check(app, context, &definition).await?;
    if !wrong.is_empty() {
        wrong.extend(app.state.engine.compile_dag(context, &definition).await?.diagnostics);
        return Err(invalid(wrong, depends));
    }
    match app.state.engine.put_task(context, definition, Standalone { expect, paused }).await {
        Ok(_) => {}
        Err(ApplyError::Invalid(diagnostics)) => return Err(invalid(diagnostics, depends)),
        Err(ApplyError::Engine(error)) => return Err(error.into()),
    }
    let action = match expect {
        Expect::Absent => "task.create",
        Expect::Revision(_) => "task.update",
    };
    let mut tx = app.state.store.begin(context).await?;
    let task = read(&mut tx, task_id).await?;
    tx.rollback().await?;
    audit_after(
        app,
        context,
        Action { action, target_kind: "task", target: task_id.as_str() },
        json!({ "version": task.version }),
    )
    .await;
    Ok(task)
}

async fn read(tx: &mut Tx<'_>, task_id: &TaskId) -> Result<StandaloneTask, ApiError> {
    let dag = find(tx, task_id).await?;
    let version = dags::get_version(tx, &dag.dag_id, Some(dag.version_number)).await?;
    wire(dag, version.definition)
}

/// The answer to a task with mistakes.
fn invalid(diagnostics: Vec<Diagnostic>, depends: bool) -> ApiError {
    let errors = diagnostics.iter().filter(|problem| problem.is_error()).count();
    let detail = match diagnostics.iter().find(|problem| problem.is_error()) {
        Some(only) if errors == 1 => sentence(&only.message),
        _ => format!("The task has {errors} mistakes; 'diagnostics' lists them."),
    };
    let located: Vec<_> = diagnostics
        .into_iter()
        .map(|mut problem| {
            problem.pointer = definition::place(&problem.pointer, depends);
            diagnostic(problem, None)
        })
        .collect();
    let first = located.first().map(|diagnostic| diagnostic.pointer.clone());
    let mut problem = Problem::new(ErrorCode::InvalidDag, detail).with_diagnostics(located);
    problem.pointer = first;
    problem.into()
}

/// The version that a change expects, from `If-Match`.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    let detail = "If-Match is not an ETag of a task, such as \"3\".";
    version.map(Some).ok_or_else(|| ApiError::new(ErrorCode::InvalidParameter, detail))
}

/// The task has another version than the one that a change expects.
fn changed_meanwhile(current: u64) -> ApiError {
    let detail = format!("The task was changed meanwhile: its version is {current} now. Read it again, then decide.");
    ApiError::new(ErrorCode::PreconditionFailed, detail)
}

/// What became of a conflict: the version may have changed between the look at it and the change.
async fn or_changed(app: &App, context: &Context, task: &TaskId, expected: u64, error: ApiError) -> ApiError {
    if error.problem().code != ErrorCode::Conflict {
        return error;
    }
    let Ok(mut tx) = app.state.store.begin(context).await else { return error };
    match find(&mut tx, task).await {
        Ok(now) if now.revision != expected => changed_meanwhile(now.revision),
        _ => error,
    }
}
