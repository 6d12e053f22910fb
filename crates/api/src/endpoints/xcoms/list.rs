use super::wire;
use crate::App;
use crate::endpoints::task_instances::{self, Scope};
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, QueryParams, Viewer, page};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::XComCollection;
use cofferdam_ids::TaskId;
use cofferdam_store::xcoms::{self, XComFilter};
use cofferdam_store::{dags, runs};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct XComListQuery {
    /// Only those of this position in a mapped task, -1 for tasks that are not mapped; of all when left out.
    map_index: Option<i32>,
    /// Only the entries of this key.
    xcom_key: Option<String>,
    /// The most entries to answer with, from 1 to 1000.
    limit: Option<u32>,
    /// How many to pass over.
    offset: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Path {
    dag_id: String,
    dag_run_id: String,
    task_id: String,
}

/// What tasks left for others, without the values: by dag, task, run, position in a mapped task and key. `~` in place of a dag, a run or a
/// task stands for all, as Airflow has it.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tag = "task-instances",
    operation_id = "list_xcoms",
    params(
        ("dag_id" = String, Path, description = "The dag, or `~` for all."),
        ("dag_run_id" = String, Path, description = "The run, or `~` for all."),
        ("task_id" = String, Path, description = "The task, or `~` for all."),
        XComListQuery
    ),
    responses((status = 200, body = XComCollection))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<Path>,
    QueryParams(query): QueryParams<XComListQuery>,
) -> Result<Json<XComCollection>, ApiError> {
    let page = page(query.limit.unwrap_or(1000), query.offset.unwrap_or(0))?;
    let no_task = || ApiError::not_found(format!("The task '{}'", path.task_id));
    let task = (path.task_id != "~").then(|| TaskId::new(&path.task_id)).transpose().map_err(|_| no_task())?;
    let Scope { dag, run, task } = Scope::new(&path.dag_id, &path.dag_run_id, task)?;
    let mut tx = app.state.store.begin(&caller.context).await?;
    // An empty list would hide that there is no such dag, run or task.
    match (&dag, &run) {
        (Some(dag), Some(run)) => {
            let run = runs::get(&mut tx, dag, run).await?;
            if let Some(task) = &task {
                let plan = task_instances::plan(&mut tx, &run).await?;
                plan.task_named(task).ok_or_else(no_task)?;
            }
        }
        (Some(dag), None) => drop(dags::get(&mut tx, dag).await?),
        (None, _) => {}
    }
    let filter = XComFilter { dag, run, task, map_index: query.map_index, key: query.xcom_key };
    let listed = xcoms::search(&mut tx, &filter, page).await?;
    let xcom_entries = listed.items.into_iter().map(wire).collect();
    Ok(Json(XComCollection { xcom_entries, total_entries: listed.total }))
}
