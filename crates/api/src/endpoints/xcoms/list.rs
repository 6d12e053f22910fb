use super::wire;
use crate::App;
use crate::endpoints::task_instances::TaskPath;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::XComCollection;
use cofferdam_store::{runs, task_instances, xcoms};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct XComListQuery {
    /// Position in a mapped task.
    map_index: Option<i32>,
    /// Only the entry of this key.
    xcom_key: Option<String>,
    /// The most entries to answer with, from 1 to 1000.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
}

/// What a task left for others, by key, without the values.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tag = "task-instances",
    operation_id = "list_xcoms",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        XComListQuery
    ),
    responses((status = 200, body = XComCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
    QueryParams(query): QueryParams<XComListQuery>,
) -> Result<Json<XComCollection>, ApiError> {
    let mut tx = app.state.store.begin(&caller.context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let map_index = query.map_index.unwrap_or(-1);
    let page = page(query.limit.unwrap_or(1000), query.offset.unwrap_or(0))?;
    task_instances::get(&mut tx, run.key, &path.task_id, map_index).await?;
    let mut entries = xcoms::list(&mut tx, run.key, &path.task_id, map_index).await?;
    entries.retain(|entry| query.xcom_key.as_deref().is_none_or(|wanted| entry.key.as_str() == wanted));
    let total_entries = entries.len() as u64;
    let entries = entries.into_iter().skip(page.offset as usize).take(page.limit as usize);
    let xcom_entries = entries.map(|entry| wire(entry, &path, map_index, run.logical_date)).collect();
    Ok(Json(XComCollection { xcom_entries, total_entries }))
}
