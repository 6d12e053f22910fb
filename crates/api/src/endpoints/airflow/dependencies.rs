//! What is in the way of a task instance, as Airflow tells it.

use super::runs::TaskPath;
use crate::App;
use crate::endpoints::task_instances::plan;
use crate::error::ApiError;
use crate::extract::{Caller, PathParams, Viewer};
use axum::Json;
use axum::extract::State;
use cofferdam_api_types::{FailedDependency, FailedDependencyCollection};
use cofferdam_domain::context::Context;
use cofferdam_domain::plan::{DagPlan, Past, TaskPlan};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_store::execution::gates;
use cofferdam_store::runs::Run;
use cofferdam_store::task_instances::{self, TaskInstance};
use cofferdam_store::{StoreError, Tx, dags, pools, runs, tenants};
use std::sync::Arc;

/// Why a task instance does not run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies",
    tag = "task-instances",
    operation_id = "get_task_instance_dependencies",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task.")
    ),
    responses((status = 200, body = FailedDependencyCollection))
)]
pub(crate) async fn plain(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<FailedDependencyCollection>, ApiError> {
    in_the_way(&app, &caller.context, path).await
}

/// Why an instance of a mapped task does not run.
#[utoipa::path(
    get,
    path = "/api/v1/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies",
    tag = "task-instances",
    operation_id = "get_mapped_task_instance_dependencies",
    params(
        ("dag_id" = String, Path, description = "The dag."),
        ("dag_run_id" = String, Path, description = "The run."),
        ("task_id" = String, Path, description = "The task."),
        ("map_index" = i32, Path, description = "Position in the mapped task.")
    ),
    responses((status = 200, body = FailedDependencyCollection))
)]
pub(crate) async fn mapped(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
    PathParams(path): PathParams<TaskPath>,
) -> Result<Json<FailedDependencyCollection>, ApiError> {
    in_the_way(&app, &caller.context, path).await
}

/// What is found to be in the way, under Airflow's names where it has the same.
#[derive(Default)]
struct Found(Vec<FailedDependency>);

impl Found {
    fn add(&mut self, name: &str, reason: impl Into<String>) {
        self.0.push(FailedDependency { name: name.to_owned(), reason: reason.into() });
    }
}

async fn in_the_way(app: &App, context: &Context, path: TaskPath) -> Result<Json<FailedDependencyCollection>, ApiError> {
    let mut tx = app.state.store.begin(context).await?;
    let run = runs::get(&mut tx, &path.dag_id, &path.dag_run_id).await?;
    let instance = task_instances::get(&mut tx, run.key, &path.task_id, path.map_index).await?;
    let plan = plan(&mut tx, &run).await?;
    let mut found = Found::default();
    let Some(task) = plan.named(&path.task_id) else {
        return Ok(Json(FailedDependencyCollection { dependencies: found.0 }));
    };
    match instance.state {
        TaskStateName::None => {
            at_the_run(&mut tx, &run, &mut found).await?;
            at_the_tasks_before(&mut tx, &run, task, &mut found).await?;
            at_the_gates(&mut tx, context, &run, &plan, task, &mut found).await?;
            at_the_pool(app, tx, context, task, &mut found).await?;
        }
        TaskStateName::Scheduled => {
            at_the_gates(&mut tx, context, &run, &plan, task, &mut found).await?;
            at_the_pool(app, tx, context, task, &mut found).await?;
        }
        TaskStateName::Queued => {
            at_the_tenant(&mut tx, &mut found).await?;
            at_the_pool(app, tx, context, task, &mut found).await?;
            at_the_workers(app, task, &mut found).await?;
        }
        TaskStateName::UpForRetry => found.add("Not In Retry Period", due(&instance, "It is tried again")),
        TaskStateName::UpForReschedule => found.add("Ready To Reschedule", due(&instance, "It asked to be run again")),
        TaskStateName::Deferred => {
            let event = instance.deferred_event.as_deref().unwrap_or("an event");
            found.add("Event", due(&instance, &format!("It waits for '{event}', or")));
        }
        state @ (TaskStateName::Running
        | TaskStateName::Restarting
        | TaskStateName::Success
        | TaskStateName::Failed
        | TaskStateName::UpstreamFailed
        | TaskStateName::Skipped
        | TaskStateName::Removed) => found.add("Task Instance State", format!("The task instance is {state}.")),
    }
    Ok(Json(FailedDependencyCollection { dependencies: found.0 }))
}

fn due(instance: &TaskInstance, what: &str) -> String {
    match instance.due_at {
        Some(at) => format!("{what} at {}.", at.to_rfc3339()),
        None => format!("{what} when it comes."),
    }
}

async fn at_the_run(tx: &mut Tx<'_>, run: &Run, found: &mut Found) -> Result<(), ApiError> {
    if run.state != RunStateName::Queued {
        return Ok(());
    }
    if dags::get(tx, &run.dag_id).await?.paused {
        found.add("Dag Not Paused", "The dag is paused: its runs wait until it is unpaused.");
    }
    found.add("Dagrun Running", "The run waits for its turn.");
    Ok(())
}

async fn at_the_tasks_before(tx: &mut Tx<'_>, run: &Run, task: &TaskPlan, found: &mut Found) -> Result<(), ApiError> {
    let all = task_instances::list(tx, run.key).await?;
    let waiting: Vec<String> = all
        .iter()
        .filter(|other| task.upstream.iter().any(|index| u32::try_from(*index) == Ok(other.task_index)))
        .filter(|other| !other.state.is_finished())
        .map(|other| format!("{} is {}", other.task_id, other.state))
        .collect();
    if !waiting.is_empty() {
        found.add("Trigger Rule", format!("The rule '{}' waits: {}.", task.trigger_rule.as_str(), waiting.join(", ")));
    }
    Ok(())
}

/// Limits of the dag, of the task and of its key, and the run before.
async fn at_the_gates(
    tx: &mut Tx<'_>,
    context: &Context,
    run: &Run,
    plan: &DagPlan,
    task: &TaskPlan,
    found: &mut Found,
) -> Result<(), ApiError> {
    if !plan.is_gated(task) {
        return Ok(());
    }
    let gates = plan.gates(context.tenant, run.dag, task, &run.conf);
    let names: Vec<String> = gates.counting().map(|gate| gate.name.clone()).collect();
    let passed = gates::passed(tx, &names).await?;
    for (gate, name, of) in [
        (&gates.dag, "Task Instance Slots Available", "Of the dag"),
        (&gates.task, "Task Concurrency", "Of the task"),
        (&gates.key, "Concurrency Key", "With the same concurrency_key"),
    ] {
        let Some(gate) = gate else { continue };
        let active = passed.get(&gate.name).copied().unwrap_or(0);
        if active >= i64::from(gate.limit) {
            found.add(name, format!("{of}, {active} task instances are queued or run, and {} may.", gate.limit));
        }
    }
    if let Some((_, past)) = gates.past {
        let behind = task.downstream.iter().filter(|_| past == Past::TaskAndDownstream).filter_map(|index| plan.task(*index));
        let tasks: Vec<String> = std::iter::once(task).chain(behind).map(|task| task.task_id.to_string()).collect();
        if !gates::past_is_done(tx, run.dag, run.logical_date, &tasks).await? {
            let reason = format!("In the run before, not all of these have succeeded or were skipped: {}.", tasks.join(", "));
            found.add("Previous Dagrun State", reason);
        }
    }
    Ok(())
}

async fn at_the_tenant(tx: &mut Tx<'_>, found: &mut Found) -> Result<(), ApiError> {
    if let Some(most) = tenants::get(tx).await?.max_leased {
        let running = pools::active(tx, false).await?;
        let running =
            running.iter().filter(|active| active.state == TaskStateName::Running).map(|active| active.count).sum::<u64>();
        if running >= u64::from(most) {
            found.add("Tenant Limit", format!("{running} task instances of the tenant run, and {most} may."));
        }
    }
    Ok(())
}

async fn at_the_pool(app: &App, mut tx: Tx<'_>, context: &Context, task: &TaskPlan, found: &mut Found) -> Result<(), ApiError> {
    let pool = match pools::get(&mut tx, &task.pool).await {
        // The default pool has no bound until somebody makes it.
        Err(StoreError::NotFound { .. }) => return Ok(()),
        found => found?,
    };
    tx.rollback().await?;
    let taken = app.state.engine.pool_use(context).await?.remove(&task.pool).unwrap_or_default();
    // What is queued waits for slots as this one does.
    let held = taken.running + if pool.include_deferred { taken.deferred } else { 0 };
    let open = u64::from(pool.slots).saturating_sub(held);
    if open < u64::from(task.pool_slots) {
        let reason = format!(
            "The pool '{}' has {} slots, of which {open} are free, and {} are needed.",
            pool.name, pool.slots, task.pool_slots
        );
        found.add("Pool Slots Available", reason);
    }
    Ok(())
}

async fn at_the_workers(app: &App, task: &TaskPlan, found: &mut Found) -> Result<(), ApiError> {
    if task.work.component().is_none() {
        return Ok(());
    }
    let workers = app.state.queue.workers().await.map_err(ApiError::internal)?;
    if !workers.iter().any(|worker| !worker.draining && worker.queues.contains(&task.queue)) {
        found.add("Worker Available", format!("No worker serves the queue '{}'.", task.queue));
    }
    Ok(())
}
