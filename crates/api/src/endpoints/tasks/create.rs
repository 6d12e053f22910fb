use super::{put, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, JsonBody};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::{ErrorCode, PutTask, StandaloneTask};
use cofferdam_engine::Expect;
use http::StatusCode;
use std::sync::Arc;

/// Makes a task by itself. It runs as its schedule says, when the tasks that it waits for have succeeded, or when it is triggered.
#[utoipa::path(
    post,
    path = "/api/tasks",
    tag = "tasks",
    operation_id = "create_task",
    request_body = PutTask,
    responses((status = 201, body = StandaloneTask))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    JsonBody(body): JsonBody<PutTask>,
) -> Result<Response, ApiError> {
    let context = caller.context;
    let Some(task_id) = body.task_id.clone() else {
        return Err(ApiError::new(ErrorCode::InvalidBody, "The task has no name: give it a 'task_id'.").at("/task_id"));
    };
    let made = put(&app, &context, &task_id, body, Expect::Absent).await?;
    Ok(shown(StatusCode::CREATED, &made))
}
