//! Making runs with their instances, whoever asks for them: a person, the clock, a task.

use crate::pipeline::{Change, Changed, Followups, ToEnqueue};
use crate::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::definition::DeadlineFrom;
use cofferdam_domain::plan::{DagPlan, DeadlinePlan};
use cofferdam_domain::run::RunType;
use cofferdam_domain::task::{TaskEvent, TaskStateName};
use cofferdam_domain::trigger_rule::{UpstreamCounts, Verdict};
use cofferdam_ids::{DagId, DagRunId, DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId};
use cofferdam_store::Tx;
use cofferdam_store::execution::deadlines::{self, NewDeadline};
use cofferdam_store::execution::facts::RunFacts;
use cofferdam_store::execution::runs::{self, LockedDag, NewInstance, NewRun};
use cofferdam_store::execution::transition;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Runs that were inserted, and what has to be told after the commit.
pub(crate) struct Made {
    /// Those that were not there before.
    pub(crate) inserted: HashSet<RunKey>,
    /// For [`Engine::dispatch`].
    pub(crate) followups: Followups,
}

/// The instances of a new run.
struct First {
    instances: Vec<NewInstance>,
    /// Those that are queued at once.
    enqueue: Vec<ToEnqueue>,
    /// Those that may be queued when they have passed their gates.
    gated: Vec<TaskInstanceId>,
}

impl Engine {
    /// Inserts runs with all their instances, and queues the first tasks of those that are admitted. A run that exists already is
    /// left alone.
    pub(crate) async fn insert_runs(
        &self,
        tx: &mut Tx<'_>,
        new: &[NewRun],
        plans: &HashMap<DagVersionId, Arc<DagPlan>>,
        now: DateTime<Utc>,
    ) -> Result<Made, EngineError> {
        let mut instances = Vec::new();
        let mut enqueue = Vec::new();
        let mut gated = Vec::new();
        for run in new {
            let first = self.first_instances(run, &plans[&run.version], now);
            instances.extend(first.instances);
            enqueue.extend(first.enqueue);
            gated.extend(first.gated.into_iter().map(|instance| (run.run, instance)));
        }
        let inserted: HashSet<RunKey> = runs::insert(tx, new, &instances, now).await?.into_iter().collect();
        instances.retain(|new| inserted.contains(&new.run));
        enqueue.retain(|ready| inserted.contains(&ready.run));
        let bounds = new.iter().filter(|run| inserted.contains(&run.run));
        let bounds: Vec<_> = bounds.filter_map(|run| Some((run.run, plans[&run.version].run_timeout_ms?))).collect();
        if !bounds.is_empty() {
            runs::bound(tx, &bounds).await?;
        }
        let deadlines: Vec<NewDeadline> = new
            .iter()
            .filter(|run| inserted.contains(&run.run))
            .flat_map(|run| deadlines_of(run, &plans[&run.version]))
            .collect();
        if !deadlines.is_empty() {
            deadlines::insert(tx, &deadlines).await?;
        }
        // What has gates is asked whether it passes them, as it is later.
        let gated: Vec<TaskInstanceId> =
            gated.into_iter().filter(|(run, _)| inserted.contains(run)).map(|(_, instance)| instance).collect();
        let mut followups = Followups::default();
        if !gated.is_empty() {
            let changes = gated.iter().map(|instance| Change::new(*instance, TaskEvent::UpstreamsDone(Verdict::Ready))).collect();
            let locked = transition::lock(tx, &gated).await?;
            followups = self.change(tx, locked, changes, now).await?;
        }
        followups.enqueue.extend(enqueue);
        followups.changed.extend(changed(&instances));
        Ok(Made { inserted, followups })
    }

    /// The instances of a new run, and those of them that are queued at once or have to pass gates first: those whose trigger rule
    /// waits for nothing, when the run is admitted.
    fn first_instances(&self, run: &NewRun, plan: &DagPlan, now: DateTime<Utc>) -> First {
        let mut instances = Vec::with_capacity(plan.tasks.len());
        let mut enqueue = Vec::new();
        let mut gated = Vec::new();
        for task in &plan.tasks {
            let upstream_total = i32::try_from(task.upstream.len()).unwrap_or(i32::MAX);
            let ready = run.admitted
                && task.verdict(&UpstreamCounts::of(upstream_total)) == Verdict::Ready
                && plan.waits_for_no_list(task);
            let instance = TaskInstanceId::generate();
            if ready && plan.is_gated(task) {
                gated.push(instance);
            }
            let ready = ready && !plan.is_gated(task);
            instances.push(NewInstance {
                instance,
                tenant: run.tenant,
                run: run.run,
                task_index: task.task_index,
                map_index: -1,
                task_id: task.task_id.clone(),
                upstream_total,
                is_leaf: task.is_leaf,
                queued_until: ready.then_some(now + self.config.queued_check),
            });
            if ready {
                enqueue.push(ToEnqueue {
                    tenant: run.tenant,
                    run: run.run,
                    version: run.version,
                    instance,
                    task_index: task.task_index,
                    map_index: -1,
                    try_number: 1,
                    last_lease: LeaseToken(0),
                    queued_at: now,
                    not_before: None,
                    compared: false,
                });
            }
        }
        First { instances, enqueue, gated }
    }
}

/// The deadlines of a run and of its tasks.
fn deadlines_of(run: &NewRun, plan: &DagPlan) -> Vec<NewDeadline> {
    let counted = Counted { run: run.run, tenant: run.tenant, logical_date: run.logical_date, queued_at: run.queued_at };
    let own = plan.deadline.iter().map(|deadline| counted.deadline(None, *deadline));
    let of_tasks = plan.tasks.iter().filter_map(|task| {
        let subject = (task.task_index, task.task_id.clone());
        Some(counted.deadline(Some(subject), task.deadline?))
    });
    own.chain(of_tasks).collect()
}

/// From what the deadlines of a run are counted.
pub(crate) struct Counted {
    pub(crate) run: RunKey,
    pub(crate) tenant: TenantId,
    pub(crate) logical_date: DateTime<Utc>,
    pub(crate) queued_at: DateTime<Utc>,
}

impl Counted {
    /// A deadline of the run, or of a task of it.
    pub(crate) fn deadline(&self, task: Option<(i32, TaskId)>, deadline: DeadlinePlan) -> NewDeadline {
        let DeadlinePlan { after_ms, from } = deadline;
        let since = match (from, &task) {
            (DeadlineFrom::LogicalDate, _) => Some(self.logical_date),
            (DeadlineFrom::QueuedAt, None) => Some(self.queued_at),
            (DeadlineFrom::QueuedAt | DeadlineFrom::StartedAt, _) => None,
        };
        let after = i64::try_from(after_ms).ok().and_then(TimeDelta::try_milliseconds);
        let due_at = since.zip(after).and_then(|(since, after)| since.checked_add_signed(after));
        NewDeadline { run: self.run, tenant: self.tenant, task, from, after_ms, due_at }
    }
}

/// What a run is made of, beside its dag.
pub(crate) struct RunParts<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) dag_run_id: DagRunId,
    pub(crate) run_type: RunType,
    pub(crate) logical_date: DateTime<Utc>,
    /// Laid over the dag's `params`: an object, or null.
    pub(crate) conf: &'a Value,
    pub(crate) queued_at: DateTime<Utc>,
}

/// A run of a locked dag that the clock did not make. It is admitted when the dag has room for it.
pub(crate) fn new_run(dag: &LockedDag, plan: &DagPlan, parts: RunParts<'_>) -> NewRun {
    let interval = plan.schedule().interval_of_manual_run(parts.logical_date);
    NewRun {
        run: RunKey::generate(),
        tenant: parts.tenant,
        dag: dag.dag,
        version: dag.version,
        dag_run_id: parts.dag_run_id,
        run_type: parts.run_type,
        admitted: !dag.paused && dag.active_runs < dag.max_active_runs,
        logical_date: parts.logical_date,
        interval: (interval.start, interval.end),
        conf: plan.effective_conf(parts.conf),
        note: None,
        unfinished: task_count(plan),
        queued_at: parts.queued_at,
        triggered_by: None,
    }
}

/// How many instances a run of the plan starts with.
pub(crate) fn task_count(plan: &DagPlan) -> i32 {
    i32::try_from(plan.tasks.len()).unwrap_or(i32::MAX)
}

/// What the tasks of a new run are told of it.
pub(crate) fn facts(run: &NewRun, dag_id: &DagId) -> RunFacts {
    RunFacts {
        run: run.run,
        tenant: run.tenant,
        dag: run.dag,
        dag_id: dag_id.clone(),
        dag_run_id: run.dag_run_id.clone(),
        version: run.version,
        logical_date: run.logical_date,
        interval: run.interval,
        conf: run.conf.clone(),
        run_type: run.run_type,
        queued_at: run.queued_at,
    }
}

/// The instances that were queued at once, for screens.
fn changed(instances: &[NewInstance]) -> Vec<Changed> {
    instances
        .iter()
        .filter(|new| new.queued_until.is_some())
        .map(|new| Changed {
            tenant: new.tenant,
            run: new.run,
            task_id: new.task_id.clone(),
            map_index: new.map_index,
            state: TaskStateName::Queued,
            reason: None,
            try_number: 1,
        })
        .collect()
}
