use super::{TaskPath, changed_meanwhile, dag_of, find, if_match, or_changed};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::extract::State;
use cofferdam_store::audit::Action;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// Deletes a task by itself, with its finished runs. With `If-Match` only when it has that version. One that other tasks wait for, or that
/// is under way, is a conflict.
#[utoipa::path(
    delete,
    path = "/api/tasks/{task_id}",
    tag = "tasks",
    operation_id = "delete_task",
    params(
        ("task_id" = String, Path, description = "The task."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the task must have.")
    ),
    responses((status = 204))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<TaskPath>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let (context, task_id) = (caller.context, path.task_id);
    let expected = if_match(&headers)?;
    let mut tx = app.state.store.begin(&context).await?;
    let current = find(&mut tx, &task_id).await?.revision;
    tx.rollback().await?;
    if let Some(expected) = expected.filter(|expected| *expected != current) {
        tracing::debug!(task.id = %task_id, expected, current, "a task is not deleted: it was changed");
        return Err(changed_meanwhile(current));
    }
    if let Err(error) = app.state.engine.delete_task(&context, &dag_of(&task_id)?, expected).await {
        let error = error.into();
        return Err(match expected {
            Some(expected) => or_changed(&app, &context, &task_id, expected, error).await,
            None => error,
        });
    }
    let done = Action { action: "task.delete", target_kind: "task", target: task_id.as_str() };
    audit_after(&app, &context, done, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}
