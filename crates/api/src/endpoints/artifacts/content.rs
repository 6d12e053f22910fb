use crate::App;
use crate::endpoints::task_instances::MapIndexQuery;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use cofferdam_ids::{ArtifactName, DagId, DagRunId, TaskId};
use cofferdam_objects::TaskObject;
use cofferdam_store::{artifacts, runs};
use futures::stream;
use http::{HeaderValue, header};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    artifact: ArtifactName,
}

/// The bytes of a file that a task left.
///
/// A task is foreign code, and its files are not to be trusted: they are always offered for saving and never shown as a
/// page of this site, whatever their type. Slashes in the name are percent-encoded in the path.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/artifacts/{artifact}/content",
    tag = "task-instances",
    operation_id = "get_artifact_content",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("artifact" = String, Path, description = "The name of the artifact."),
        MapIndexQuery
    ),
    responses((status = 200, description = "The bytes, with the type that the task gave.", content_type = "application/octet-stream"))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Response, ApiError> {
    let tenant = caller.context.tenant;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let entry = artifacts::get(&mut tx, run.key, &path.task_id, query.get(), &path.artifact).await?;
    tx.rollback().await?;
    let artifact = entry.written.artifact;
    let object: TaskObject = entry.written.object.parse().map_err(ApiError::internal)?;
    let download = app.state.objects.open_artifact(tenant, &object).await?;
    let chunks = stream::try_unfold(download, |mut download| async move {
        let chunk = download.next().await?;
        Ok::<_, cofferdam_objects::ObjectsError>(chunk.map(|chunk| (chunk, download)))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&artifact.content_type).unwrap_or(octets));
    headers.insert(header::CONTENT_LENGTH, artifact.size_bytes.into());
    // The characters of an artifact's name need no escape between quotes.
    let disposition = format!("attachment; filename=\"{}\"", artifact.name.file_name());
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).map_err(ApiError::internal)?);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::ETAG, HeaderValue::from_str(&format!("\"{}\"", artifact.sha256)).map_err(ApiError::internal)?);
    Ok(response)
}
