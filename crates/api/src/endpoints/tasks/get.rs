use super::{TaskPath, read, shown};
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::extract::State;
use axum::response::Response;
use cofferdam_api_types::StandaloneTask;
use http::StatusCode;
use std::sync::Arc;

/// A task by itself. Its version is the `ETag`.
#[utoipa::path(
    get,
    path = "/api/tasks/{task_id}",
    tag = "tasks",
    operation_id = "get_task",
    params(("task_id" = String, Path, description = "The task.")),
    responses((status = 200, body = StandaloneTask))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Response, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    Ok(shown(StatusCode::OK, &read(&mut tx, &path.task_id).await?))
}
