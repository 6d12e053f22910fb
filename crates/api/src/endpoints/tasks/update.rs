use super::{TaskPath, changed_meanwhile, find, if_match, or_changed, put, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody, PathParams};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::{ErrorCode, PutTask, StandaloneTask};
use cofferdam_engine::Expect;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// Replaces a task by itself. Says which version it replaces, with `If-Match` or `version`; when the task has another one, nothing is
/// changed. Runs that exist go on as they began.
#[utoipa::path(
    put,
    path = "/api/tasks/{task_id}",
    tag = "tasks",
    operation_id = "update_task",
    params(
        ("task_id" = String, Path, description = "The task."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the task must have.")
    ),
    request_body = PutTask,
    responses((status = 200, body = StandaloneTask))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<TaskPath>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<PutTask>,
) -> Result<Response, ApiError> {
    let (context, task_id) = (caller.context, path.task_id);
    let mut tx = app.state.store.begin(&context).await?;
    let current = find(&mut tx, &task_id).await?.revision;
    tx.rollback().await?;
    let wrong = |detail: &str, at: &str| Err(ApiError::new(ErrorCode::InvalidBody, detail).at(at));
    if body.task_id.as_ref().is_some_and(|named| *named != task_id) {
        return wrong("The body names another task than the path; a task keeps its name.", "/task_id");
    }
    let expected = match (if_match(&headers)?, body.version) {
        (Some(header), Some(version)) if header != version => {
            return wrong("'If-Match' and 'version' name different versions.", "/version");
        }
        (Some(expected), _) | (None, Some(expected)) => expected,
        (None, None) => {
            let detail =
                "Say which version is replaced, with 'If-Match' or 'version', so that no change of somebody else is lost.";
            return Err(ApiError::new(ErrorCode::PreconditionRequired, detail));
        }
    };
    if expected != current {
        return Err(changed_meanwhile(current));
    }
    match put(&app, &context, &task_id, body, Expect::Revision(expected)).await {
        Ok(task) => Ok(shown(StatusCode::OK, &task)),
        Err(error) => Err(or_changed(&app, &context, &task_id, expected, error).await),
    }
}
