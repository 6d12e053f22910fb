use super::DagPath;
use crate::App;
use crate::endpoints::audit_after;
use crate::error::ApiError;
use crate::extract::{Caller, Editor, PathParams};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::DeletedDag;
use cofferdam_store::audit::Action;
use serde_json::json;
use std::sync::Arc;

/// Deletes a dag with its versions and its finished runs. A dag with active runs is not deleted: cancel them first.
#[utoipa::path(
    delete,
    path = "/api/v1/dags/{dag_id}",
    tag = "dags",
    operation_id = "delete_dag",
    params(("dag_id" = String, Path, description = "The dag.")),
    responses((status = 200, body = DeletedDag))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Editor>,
    PathParams(path): PathParams<DagPath>,
) -> Result<Json<DeletedDag>, ApiError> {
    app.state.engine.delete_dag(&caller.context, &path.dag_id).await?;
    let done = Action { action: "dag.delete", target_kind: "dag", target: path.dag_id.as_str() };
    audit_after(&app, &caller.context, done, json!({})).await;
    Ok(Json(DeletedDag { dag_id: path.dag_id }))
}
