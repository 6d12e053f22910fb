//! A task that makes a run of another dag and, unless told otherwise, ends as that run does.
//!
//! The run's name is made of the instance and its try, so it is made once however often this is done. A task that waits is
//! `deferred` until the run's end wakes it; in case that is lost, it also looks again every few seconds.

use super::{OwnWork, still_due};
use crate::pipeline::{Change, Followups};
use crate::record::XComWrite;
use crate::runs::{RunParts, facts, new_run};
use crate::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::plan::{RunDagMoment, RunDagWork};
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_domain::task::TaskEvent;
use cofferdam_ids::{DagRunId, RunKey, TaskInstanceId, TenantId, XComKey};
use cofferdam_store::StoreError;
use cofferdam_store::execution::children::{self, Child, Parent};
use cofferdam_store::execution::facts::XComValue;
use cofferdam_store::execution::runs;
use serde_json::{Value, json};
use std::sync::Arc;

/// How many runs may stand above one another, each made by a task of the one before.
pub(crate) const MAX_DEPTH: i32 = 16;
/// A task that waits looks at its run after this many times [`queued_check`](crate::EngineConfig::queued_check), if nothing wakes it.
const LOOK_AGAIN: i32 = 3;

impl Engine {
    pub(super) async fn run_dag(&self, own: &OwnWork, run_dag: &RunDagWork) -> Result<Vec<Followups>, EngineError> {
        let now = self.clock.now();
        let context = Context::system(own.due.tenant, "engine");
        let name = child_run_id(own.due.instance, own.due.try_number);
        let mut tx = self.store.begin(&context).await?;
        if let Some(child) = children::find(&mut tx, &run_dag.dag_id, &name).await? {
            let Some(locked) = still_due(&mut tx, own).await? else { return Ok(Vec::new()) };
            let outcome = self.outcome(run_dag, &name, &child, now);
            let followups = self.end_own_work(&mut tx, own, locked, outcome, now).await?;
            tx.commit().await?;
            return Ok(vec![followups]);
        }
        let refused = match &own.input {
            Value::Object(_) if children::depth(&mut tx, own.due.run).await? >= MAX_DEPTH => Some((
                Reason::LimitExceeded,
                format!("runs that tasks make stand at most {MAX_DEPTH} above one another; does the dag run itself?"),
            )),
            Value::Object(_) => None,
            _ => Some((Reason::InvalidInput, "run_dag.conf must be an object".to_owned())),
        };
        // The dag is locked before the run of the task, as by everybody who makes or admits runs.
        let dag = match refused {
            Some(refused) => Err(refused),
            None => match runs::lock_dag(&mut tx, &run_dag.dag_id).await {
                Ok(dag) => Ok(dag),
                Err(StoreError::NotFound { .. }) => {
                    Err((Reason::InvalidInput, format!("there is no dag '{}'; apply it first", run_dag.dag_id)))
                }
                Err(error) => return Err(error.into()),
            },
        };
        let Some(locked) = still_due(&mut tx, own).await? else { return Ok(Vec::new()) };
        let dag = match dag {
            Ok(dag) => dag,
            Err((reason, message)) => {
                let outcome = (Ending::failure(reason, message), Vec::new());
                let followups = self.end_own_work(&mut tx, own, locked, outcome, now).await?;
                tx.commit().await?;
                return Ok(vec![followups]);
            }
        };
        let plans = self.plans(&mut tx, [dag.version]).await?;
        let parts = RunParts {
            tenant: own.due.tenant,
            dag_run_id: name.clone(),
            run_type: RunType::Manual,
            logical_date: match run_dag.logical_date {
                RunDagMoment::Now => now,
                RunDagMoment::Parent => own.run.logical_date,
                RunDagMoment::At(moment) => moment,
            },
            conf: &own.input,
            queued_at: now,
        };
        let new = new_run(&dag, &plans[&dag.version], parts);
        if let Some(problem) = plans[&dag.version].check_conf(&new.conf).into_iter().next() {
            let message = format!("run_dag.conf{}: {}", problem.pointer, problem.message);
            let outcome = (Ending::failure(Reason::InvalidInput, message), Vec::new());
            let followups = self.end_own_work(&mut tx, own, locked, outcome, now).await?;
            tx.commit().await?;
            return Ok(vec![followups]);
        }
        let made = self.insert_runs(&mut tx, std::slice::from_ref(&new), &plans, now).await?;
        if made.inserted.is_empty() {
            // Somebody else has just made it: a reconciler comes back to it.
            return Ok(Vec::new());
        }
        let parent = Parent { instance: own.due.instance, try_number: own.due.try_number, waits: run_dag.wait };
        children::adopt(&mut tx, new.run, &parent, own.due.run).await?;
        let state = if new.admitted { RunStateName::Running } else { RunStateName::Queued };
        let outcome = self.outcome(run_dag, &name, &Child { run: new.run, state, queued_at: now }, now);
        let followups = self.end_own_work(&mut tx, own, locked, outcome, now).await?;
        tx.commit().await?;
        self.keep_run_facts([Arc::new(facts(&new, &run_dag.dag_id))]);
        self.announce_changes(Vec::new(), [(own.due.tenant, new.run, state)]);
        Ok(vec![followups, made.followups])
    }

    /// What the state of the run means for the task, and what the task leaves behind.
    fn outcome(&self, run_dag: &RunDagWork, name: &DagRunId, child: &Child, now: DateTime<Utc>) -> (Ending, Vec<XComWrite>) {
        let dag_id = &run_dag.dag_id;
        let result = |state: RunStateName| json!({ "dag_id": dag_id, "dag_run_id": name, "state": state });
        // Airflow's name for it.
        let started = xcom(XComKey::new("trigger_run_id").unwrap_or_else(|_| XComKey::return_value()), &json!(name));
        let success = |result: Value| {
            let returned = xcom(XComKey::return_value(), &result);
            (Ending::Success { output: result.to_string() }, vec![started.clone(), returned])
        };
        if !run_dag.wait {
            return success(result(child.state));
        }
        match child.state {
            RunStateName::Success => success(result(child.state)),
            RunStateName::Failed => {
                let message = format!("the run '{name}' of the dag '{dag_id}' failed");
                (Ending::failure(Reason::ChildFailed, message), Vec::new())
            }
            RunStateName::Queued | RunStateName::Running => {
                let left = run_dag.timeout_ms.map(|timeout| {
                    let passed = u64::try_from((now - child.queued_at).num_milliseconds()).unwrap_or(0);
                    timeout.saturating_sub(passed)
                });
                if left == Some(0) {
                    let message = format!("the run '{name}' of the dag '{dag_id}' did not end in time; it is cancelled");
                    return (Ending::failure(Reason::TimedOut, message), Vec::new());
                }
                let look_again: TimeDelta = self.config.queued_check * LOOK_AGAIN;
                let look_again = u64::try_from(look_again.num_milliseconds()).unwrap_or(0);
                let timeout_ms = left.map_or(look_again, |left| left.min(look_again));
                (Ending::Defer { event: event(child.run), timeout_ms }, vec![started])
            }
        }
    }

    /// Wakes the tasks that wait for runs which have ended. Returns what comes of it.
    pub(crate) async fn wake_parents(&self, ended: Vec<(TenantId, TaskInstanceId, RunKey)>) -> Vec<Followups> {
        let mut more = Vec::new();
        for (tenant, instance, run) in ended {
            let woken = async {
                let tx = self.store.begin(&Context::system(tenant, "engine")).await?;
                let change = Change::new(instance, TaskEvent::EventArrived { name: event(run) });
                self.change_and_commit(tx, vec![instance], vec![change]).await
            };
            match woken.await {
                Ok(followups) => more.push(followups),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    task_instance.id = %instance,
                    "a task could not be told that the run it waits for has ended; it will look by itself"
                ),
            }
        }
        more
    }
}

/// The name of the run that a try makes.
///
/// # Panics
/// Never: such a name is valid for every instance.
fn child_run_id(instance: TaskInstanceId, try_number: u32) -> DagRunId {
    DagRunId::new(format!("manual__run_dag__{instance}__{try_number}")).expect("letters, digits, '_' and '-' are allowed")
}

/// The event that a run's end is.
fn event(run: RunKey) -> String {
    format!("dag_run:{run}")
}

fn xcom(key: XComKey, value: &Value) -> XComWrite {
    let text = value.to_string();
    XComWrite { key, size_bytes: text.len() as u64, value: XComValue::Inline(text) }
}
