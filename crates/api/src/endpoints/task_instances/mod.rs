//! Tasks of runs: their states, tries and logs.

mod actions;
mod get;
mod list;
mod log_reader;
mod logs;
mod mapped;
mod rendered;
mod search;
mod summaries;
pub(super) mod tries;

pub(super) use search::Scope;

use super::dag_runs::duration_s;
use super::words::{reason, receipt, task_state};
use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{Nothing, TaskInstance, TaskInstanceReference, TaskInstanceReferenceCollection};
use cofferdam_domain::plan::DagPlan;
use cofferdam_engine::Touched;
use cofferdam_ids::{DagId, DagRunId, PoolName, QueueName, TaskId};
use cofferdam_store::{Tx, dags, runs, task_instances};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(summaries::handler))
        .routes(routes!(get::handler, actions::mark))
        .routes(routes!(actions::clear))
        .routes(routes!(actions::mark_many))
        .routes(routes!(actions::note))
        .routes(routes!(actions::run))
        .routes(routes!(mapped::get, mapped::mark))
        .routes(routes!(mapped::note))
        .routes(routes!(tries::handler))
        .routes(routes!(rendered::handler))
        .routes(routes!(tries::one))
        .routes(routes!(tries::mapped))
        .routes(routes!(tries::one_mapped))
        .routes(routes!(search::batch))
        .routes(routes!(search::list_mapped))
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

/// What was touched, as it is sent.
pub(super) fn references(dag: &DagId, touched: Vec<Touched>) -> TaskInstanceReferenceCollection {
    let references = touched.into_iter().map(|one| TaskInstanceReference {
        dag_id: dag.clone(),
        dag_run_id: one.dag_run_id,
        execution_date: one.logical_date,
        task_id: one.task_id,
        map_index: one.map_index,
        state: task_state(one.state),
    });
    let task_instances: Vec<_> = references.collect();
    TaskInstanceReferenceCollection { total_entries: task_instances.len() as u64, task_instances }
}

/// The plan that a run is pinned to.
pub(super) async fn plan(tx: &mut Tx<'_>, run: &runs::Run) -> Result<DagPlan, ApiError> {
    let version = dags::get_version(tx, &run.dag_id, Some(run.version_number)).await?;
    DagPlan::from_json(version.plan).map_err(ApiError::internal)
}

fn wire(instance: task_instances::TaskInstance, run: &runs::Run, plan: &DagPlan) -> TaskInstance {
    let task = plan.named(&instance.task_id);
    let (message, used) = match instance.last_try {
        Some(last) => (last.message, Some(receipt(last.receipt))),
        None => (None, None),
    };
    TaskInstance {
        dag_id: run.dag_id.clone(),
        dag_run_id: run.dag_run_id.clone(),
        map_index: instance.map_index,
        rendered_map_index: instance.name,
        state: task_state(instance.state),
        reason: instance.reason.map(reason),
        try_number: instance.try_number,
        max_tries: instance.tries_before.saturating_add(task.map_or(1, |task| task.retry.max_tries.max(1))),
        queued_at: instance.queued_at,
        start_date: instance.started_at,
        end_date: instance.ended_at,
        duration: duration_s(instance.started_at, instance.ended_at),
        pool: task.map_or_else(PoolName::default_pool, |task| task.pool.clone()),
        queue: task.map_or_else(QueueName::default_queue, |task| task.queue.clone()),
        worker_id: instance.worker,
        message,
        receipt: used,
        note: instance.note,
        execution_date: run.logical_date,
        operator: task
            .map(|task| task.work.component().map_or_else(|| task.work.kind().to_owned(), |work| work.component.to_string())),
        pool_slots: task.map_or(1, |task| task.pool_slots),
        priority_weight: task.map_or(0, |task| task.priority),
        queued_when: instance.queued_at,
        hostname: instance.worker.map(|worker| worker.to_string()).unwrap_or_default(),
        task_display_name: instance.task_id.to_string(),
        unixname: String::new(),
        pid: Nothing,
        executor: Nothing,
        executor_config: "{}".to_owned(),
        rendered_fields: BTreeMap::new(),
        sla_miss: Nothing,
        trigger: Nothing,
        triggerer_job: Nothing,
        task_id: instance.task_id,
    }
}
