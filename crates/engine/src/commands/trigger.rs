use crate::runs::{RunParts, facts, new_run};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::plan::DagPlan;
use cofferdam_domain::run::{RunStateName, RunType, run_id};
use cofferdam_ids::{DagId, DagRunId, RunKey};
use cofferdam_store::StoreError;
use cofferdam_store::execution::runs::{self, NewRun};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a manual run is made with.
#[derive(Clone, Debug, Default)]
pub struct Trigger {
    /// Its name; made from the logical date when it is not given.
    pub dag_run_id: Option<DagRunId>,
    /// The moment that it is for; now when it is not given.
    pub logical_date: Option<DateTime<Utc>>,
    /// The interval of data that it covers; made from the schedule when it is not given.
    pub interval: Option<(DateTime<Utc>, DateTime<Utc>)>,
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
    /// When there is no such dag, `conf` is no object, the interval ends before it begins, a run of that name exists, or the caller is no operator.
    pub async fn trigger(&self, context: &Context, dag_id: &DagId, trigger: Trigger) -> Result<Triggered, EngineError> {
        context.require(Role::Operator)?;
        let given = match trigger.conf {
            Value::Null => Map::new(),
            Value::Object(conf) => conf,
            other => {
                let message = format!("'conf' must be an object, not {}", kind(&other));
                return Err(EngineError::Invalid { pointer: "/conf".into(), message });
            }
        };
        if trigger.interval.is_some_and(|(start, end)| end < start) {
            let message = "the interval of data ends before it begins".to_owned();
            return Err(EngineError::Invalid { pointer: "/data_interval_end".into(), message });
        }
        let now = self.clock.now();
        let logical_date = trigger.logical_date.unwrap_or(now);
        let mut tx = self.store.begin(context).await?;
        let dag = runs::lock_dag(&mut tx, dag_id).await?;
        let plans = self.plans(&mut tx, [dag.version]).await?;
        let plan = &plans[&dag.version];
        let dag_run_id = trigger.dag_run_id.unwrap_or_else(|| run_id(RunType::Manual, logical_date));
        let parts = RunParts {
            tenant: context.tenant,
            dag_run_id: dag_run_id.clone(),
            run_type: RunType::Manual,
            logical_date,
            conf: &Value::Object(given),
            queued_at: now,
        };
        let new = new_run(&dag, plan, parts);
        let interval = trigger.interval.unwrap_or(new.interval);
        let new = NewRun { interval, note: trigger.note, triggered_by: context.user(), ..new };
        fits(plan, &new.conf, "/conf")?;
        let made = self.insert_runs(&mut tx, std::slice::from_ref(&new), &plans, now).await?;
        if made.inserted.is_empty() {
            let message = format!("the dag '{dag_id}' has a run '{dag_run_id}' already; give another dag_run_id or logical_date");
            return Err(StoreError::conflict(message).into());
        }
        tx.commit().await?;
        let triggered = Triggered {
            run: new.run,
            dag_run_id,
            state: if new.admitted { RunStateName::Running } else { RunStateName::Queued },
        };
        self.keep_run_facts([Arc::new(facts(&new, dag_id))]);
        self.announce_changes(Vec::new(), [(context.tenant, triggered.run, triggered.state)]);
        self.dispatch(made.followups).await;
        Ok(triggered)
    }
}

/// Refuses values that the dag's parameters do not allow. `at` is where they stand in the request.
pub(crate) fn fits(plan: &DagPlan, conf: &Value, at: &str) -> Result<(), EngineError> {
    let problems = plan.check_conf(conf);
    let Some(first) = problems.first() else { return Ok(()) };
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    Err(EngineError::Invalid { pointer: format!("{at}{}", first.pointer).into(), message: messages.join("; ") })
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
