//! Tasks of runs: their states, tries and logs.

mod get;
mod list;
mod log_reader;
mod logs;
mod tries;

use super::dag_runs::duration_s;
use super::words::{reason, receipt, task_state};
use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::TaskInstance;
use cofferdam_domain::plan::DagPlan;
use cofferdam_ids::{DagId, DagRunId, PoolName, QueueName, TaskId};
use cofferdam_store::{Tx, dags, runs, task_instances};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(get::handler))
        .routes(routes!(tries::handler))
        .routes(routes!(logs::handler))
}

/// Names a task instance.
#[derive(Deserialize)]
pub(crate) struct TaskPath {
    pub dag_id: DagId,
    pub dag_run_id: DagRunId,
    pub task_id: TaskId,
}

/// Which instance of a mapped task.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapIndexQuery {
    /// Position in a mapped task.
    pub map_index: Option<i32>,
}

impl MapIndexQuery {
    pub(crate) fn get(&self) -> i32 {
        self.map_index.unwrap_or(-1)
    }
}

/// The plan that a run is pinned to.
async fn plan(tx: &mut Tx<'_>, run: &runs::Run) -> Result<DagPlan, ApiError> {
    let version = dags::get_version(tx, &run.dag_id, Some(run.version_number)).await?;
    DagPlan::from_json(version.plan).map_err(ApiError::internal)
}

fn wire(instance: task_instances::TaskInstance, run: &runs::Run, plan: &DagPlan) -> TaskInstance {
    let task = plan.task_named(&instance.task_id);
    let (message, used) = match instance.last_try {
        Some(last) => (last.message, Some(receipt(last.receipt))),
        None => (None, None),
    };
    TaskInstance {
        dag_id: run.dag_id.clone(),
        dag_run_id: run.dag_run_id.clone(),
        task_id: instance.task_id,
        map_index: instance.map_index,
        state: task_state(instance.state),
        reason: instance.reason.map(reason),
        try_number: instance.try_number,
        max_tries: task.map_or(1, |task| task.retry.max_tries.max(1)),
        queued_at: instance.queued_at,
        start_date: instance.started_at,
        end_date: instance.ended_at,
        duration: duration_s(instance.started_at, instance.ended_at),
        pool: task.map_or_else(PoolName::default_pool, |task| task.pool.clone()),
        queue: task.map_or_else(QueueName::default_queue, |task| task.queue.clone()),
        worker_id: instance.worker,
        message,
        receipt: used,
    }
}
