use super::{DagPath, etag, wire};
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, JsonBody, Operator, PathParams, QueryParams};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cofferdam_api_types::{Dag, ErrorCode, PatchDag, UpdateMask};
use cofferdam_store::audit::Action;
use cofferdam_store::dags;
use http::{HeaderMap, header};
use serde_json::json;
use std::sync::Arc;

/// Why a dag was not changed.
#[derive(Debug, thiserror::Error)]
enum PatchError {
    #[error("The dag was changed meanwhile: its ETag is \"{current}\" now. Read it again, then decide.")]
    PreconditionFailed { current: u64 },
    #[error("If-Match is not an ETag of a dag, such as \"3\".")]
    BadIfMatch,
}

impl From<PatchError> for ApiError {
    fn from(error: PatchError) -> Self {
        let code = match error {
            PatchError::PreconditionFailed { .. } => ErrorCode::PreconditionFailed,
            PatchError::BadIfMatch => ErrorCode::InvalidParameter,
        };
        Self::new(code, error.to_string())
    }
}

/// Pauses a dag, or lets it go on. With `If-Match` only when it has that `ETag`.
#[utoipa::path(
    patch,
    path = "/api/v1/dags/{dag_id}",
    tag = "dags",
    operation_id = "patch_dag",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        UpdateMask,
        ("If-Match" = Option<String>, Header, description = "The ETag that the dag must have.")
    ),
    request_body = PatchDag,
    responses((status = 200, body = Dag))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<DagPath>,
    _: QueryParams<UpdateMask>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<PatchDag>,
) -> Result<Response, ApiError> {
    let context = caller.context;
    let expected = if_match(&headers)?;
    let mut tx = app.state.store.begin(&context).await?;
    let current = dags::get(&mut tx, &path.dag_id).await?;
    drop(tx);
    if let Some(expected) = expected
        && expected != current.revision
    {
        return Err(PatchError::PreconditionFailed { current: current.revision }.into());
    }
    if let Some(paused) = patch.is_paused {
        let revision = expected.map(u64::cast_signed);
        let done = app.state.engine.set_paused(&context, &path.dag_id, paused, revision).await;
        if let Err(error) = done {
            return Err(changed_meanwhile(&app, &context, &path, expected).await.unwrap_or_else(|| error.into()));
        }
        let action = if paused { "dag.pause" } else { "dag.unpause" };
        let done = Action { action, target_kind: "dag", target: path.dag_id.as_str() };
        audit_after(&app, &context, done, json!({})).await;
    }
    let mut tx = app.state.store.begin(&context).await?;
    let dag: Dag = wire(dags::get(&mut tx, &path.dag_id).await?);
    Ok(([(header::ETAG, etag(&dag))], Json(dag)).into_response())
}

/// Whether another change came between the check and ours.
async fn changed_meanwhile(
    app: &App,
    context: &cofferdam_domain::context::Context,
    path: &DagPath,
    expected: Option<u64>,
) -> Option<ApiError> {
    let mut tx = app.state.store.begin(context).await.ok()?;
    let current = dags::get(&mut tx, &path.dag_id).await.ok()?.revision;
    (expected? != current).then(|| PatchError::PreconditionFailed { current }.into())
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>, PatchError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().map_err(|_| PatchError::BadIfMatch)?.trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    revision.map(Some).ok_or(PatchError::BadIfMatch)
}
