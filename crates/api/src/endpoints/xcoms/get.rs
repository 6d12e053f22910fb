use super::wire;
use crate::App;
use crate::endpoints::task_instances::{MapIndexQuery, TaskPath};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::XCom;
use cofferdam_ids::{DagId, DagRunId, TaskId, XComKey};
use cofferdam_objects::XComReference;
use cofferdam_store::xcoms::StoredValue;
use cofferdam_store::{runs, xcoms};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: DagId,
    dag_run_id: DagRunId,
    task_id: TaskId,
    key: XComKey,
}

/// What a task left under a key, with the value. `return_value` is what it returned.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{key}",
    tag = "task-instances",
    operation_id = "get_xcom",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("key" = String, Path, description = "The key."),
        MapIndexQuery
    ),
    responses((status = 200, body = XCom))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<MapIndexQuery>,
) -> Result<Json<XCom>, ApiError> {
    let tenant = caller.context.tenant;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let xcom = xcoms::get(&mut tx, run.key, &path.task_id, query.get(), &path.key).await?;
    tx.rollback().await?;
    let value = match xcom.value {
        StoredValue::Inline(text) => serde_json::from_str(&text).map_err(ApiError::internal)?,
        StoredValue::Object(reference) => {
            let reference: XComReference = reference.parse().map_err(ApiError::internal)?;
            let bytes = app.state.objects.get_xcom(tenant, &reference).await?;
            serde_json::from_slice(&bytes).map_err(ApiError::internal)?
        }
    };
    let task = TaskPath { dag_id: path.dag_id, dag_run_id: path.dag_run_id, task_id: path.task_id };
    Ok(Json(XCom { entry: wire(xcom.entry, &task, query.get()), value }))
}
