use crate::pipeline::{Changed, ToEnqueue};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::plan::DagPlan;
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_domain::task::TaskStateName;
use cofferdam_domain::trigger_rule::{UpstreamCounts, Verdict};
use cofferdam_ids::{DagId, DagRunId, LeaseToken, RunKey, TaskInstanceId};
use cofferdam_store::StoreError;
use cofferdam_store::execution::facts::RunFacts;
use cofferdam_store::execution::runs::{self, NewInstance, NewRun};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a manual run is made with.
#[derive(Clone, Debug, Default)]
pub struct Trigger {
    /// Its name; made from the logical date when it is not given.
    pub dag_run_id: Option<DagRunId>,
    /// The moment that it is for; now when it is not given.
    pub logical_date: Option<DateTime<Utc>>,
    /// What its tasks are told: a JSON object, laid over the dag's `params`. Null means none.
    pub conf: Value,
    /// A person's note.
    pub note: Option<String>,
}

/// A run that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triggered {
    /// Its key.
    pub run: RunKey,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// Whether it runs, or waits for its turn.
    pub state: RunStateName,
}

impl Engine {
    /// Makes a manual run and, when the dag has room for it, queues its first tasks.
    ///
    /// # Errors
    /// When there is no such dag, `conf` is no object, a run of that name exists, or the caller is no operator.
    pub async fn trigger(&self, context: &Context, dag_id: &DagId, trigger: Trigger) -> Result<Triggered, EngineError> {
        context.require(Role::Operator)?;
        let given = match trigger.conf {
            Value::Null => Map::new(),
            Value::Object(conf) => conf,
            other => {
                let message = format!("'conf' must be an object, not {}", kind(&other));
                return Err(EngineError::Invalid { pointer: "/conf", message });
            }
        };
        let now = self.clock.now();
        let logical_date = trigger.logical_date.unwrap_or(now);
        let mut tx = self.store.begin(context).await?;
        let dag = runs::lock_dag(&mut tx, dag_id).await?;
        let plans = self.plans(&mut tx, [dag.version]).await?;
        let plan = &plans[&dag.version];
        let dag_run_id = trigger.dag_run_id.unwrap_or_else(|| run_id(RunType::Manual, logical_date));
        let interval = plan.schedule().interval_of_manual_run(logical_date);
        let admitted = !dag.paused && dag.active_runs < dag.max_active_runs;
        let new = NewRun {
            run: RunKey::generate(),
            tenant: context.tenant,
            dag: dag.dag,
            version: dag.version,
            dag_run_id: dag_run_id.clone(),
            run_type: RunType::Manual,
            admitted,
            logical_date,
            interval: (interval.start, interval.end),
            conf: plan.effective_conf(&Value::Object(given)),
            note: trigger.note,
            unfinished: task_count(plan),
            queued_at: now,
            triggered_by: context.user(),
        };
        let (instances, enqueue) = self.first_instances(&new, plan, now);
        if runs::insert(&mut tx, std::slice::from_ref(&new), &instances, now).await?.is_empty() {
            let message = format!("the dag '{dag_id}' has a run '{dag_run_id}' already; give another dag_run_id or logical_date");
            return Err(StoreError::conflict(message).into());
        }
        tx.commit().await?;
        let triggered =
            Triggered { run: new.run, dag_run_id, state: if admitted { RunStateName::Running } else { RunStateName::Queued } };
        self.keep_run_facts([Arc::new(facts(&new, dag_id))]);
        let changed = changed(&instances);
        self.enqueue(enqueue).await;
        self.announce_changes(changed, [(context.tenant, triggered.run, triggered.state)]);
        Ok(triggered)
    }

    /// The instances of a new run, and those of them that are queued at once: those whose trigger rule waits for nothing, when the
    /// run is admitted.
    pub(crate) fn first_instances(&self, run: &NewRun, plan: &DagPlan, now: DateTime<Utc>) -> (Vec<NewInstance>, Vec<ToEnqueue>) {
        let mut instances = Vec::with_capacity(plan.tasks.len());
        let mut enqueue = Vec::new();
        for task in &plan.tasks {
            let upstream_total = i32::try_from(task.upstream.len()).unwrap_or(i32::MAX);
            let ready = run.admitted && task.trigger_rule.verdict(&UpstreamCounts::of(upstream_total)) == Verdict::Ready;
            let instance = TaskInstanceId::generate();
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
                });
            }
        }
        (instances, enqueue)
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
        dag_id: dag_id.clone(),
        dag_run_id: run.dag_run_id.clone(),
        version: run.version,
        logical_date: run.logical_date,
        interval: run.interval,
        conf: run.conf.clone(),
    }
}

/// The instances that were queued at once, for screens.
pub(crate) fn changed(instances: &[NewInstance]) -> Vec<Changed> {
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

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
