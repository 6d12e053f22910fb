use super::text::as_text;
use super::wire;
use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{ErrorCode, XCom};
use cofferdam_ids::{DagId, DagRunId, TaskId, XComKey};
use cofferdam_objects::XComReference;
use cofferdam_store::xcoms::{FoundXCom, StoredValue};
use cofferdam_store::{runs, xcoms};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which value, and in which form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct XComQuery {
    /// Position in a mapped task.
    map_index: Option<i32>,
    /// With `false` the value as it is; otherwise as text, as Airflow has it: what Python's `str` makes of it.
    stringify: Option<String>,
    /// Taken, and without effect: values are JSON.
    #[serde(rename = "deserialize")]
    _deserialize: Option<String>,
}

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
        XComQuery
    ),
    responses((status = 200, body = XCom))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<XComQuery>,
) -> Result<Json<XCom>, ApiError> {
    let map_index = query.map_index.unwrap_or(-1);
    let tenant = caller.context.tenant;
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let xcom = xcoms::get(&mut tx, run.key, &path.task_id, map_index, &path.key).await?;
    tx.rollback().await?;
    let value: Value = match xcom.value {
        StoredValue::Inline(text) => serde_json::from_str(&text).map_err(ApiError::internal)?,
        StoredValue::Object(reference) => {
            let reference: XComReference = reference.parse().map_err(ApiError::internal)?;
            let bytes = app.state.objects.get_xcom(tenant, &reference).await?;
            serde_json::from_slice(&bytes).map_err(ApiError::internal)?
        }
    };
    let value = match query.stringify.as_deref() {
        Some(flag) if flag.eq_ignore_ascii_case("false") => value,
        None => Value::String(as_text(&value)),
        Some(flag) if flag.eq_ignore_ascii_case("true") => Value::String(as_text(&value)),
        Some(other) => {
            let detail = format!("'stringify' is '{other}'; it can be true or false.");
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        }
    };
    let found = FoundXCom {
        entry: xcom.entry,
        dag_id: path.dag_id,
        dag_run_id: path.dag_run_id,
        task_id: path.task_id,
        map_index,
        logical_date: run.logical_date,
    };
    Ok(Json(XCom { entry: wire(found), value }))
}
