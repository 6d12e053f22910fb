//! What callbacks are told of what they are called for.

use cofferdam_domain::plan::DagPlan;
use cofferdam_domain::template::{Happened, Scope, TaskScope};
use cofferdam_ids::{RunKey, TaskInstanceId};
use cofferdam_store::execution::callbacks::Called;
use cofferdam_store::execution::facts::RunFacts;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// What a callback is called for, as its templates see it.
pub(crate) struct OfCallback {
    called: Called,
    happened: Happened,
}

/// What callbacks are called for.
pub(crate) fn of(
    called: HashMap<TaskInstanceId, Called>,
    runs: &HashMap<RunKey, Arc<RunFacts>>,
) -> HashMap<TaskInstanceId, OfCallback> {
    let told = called.into_iter().filter_map(|(instance, called)| {
        let happened = told(&called, runs.get(&called.run)?);
        Some((instance, OfCallback { called, happened }))
    });
    told.collect()
}

fn told(called: &Called, run: &RunFacts) -> Happened {
    let task = called.subject.as_ref().map(|(_, task)| task);
    let path = format!("/api/v1/dags/{}/dagRuns/{}", run.dag_id, run.dag_run_id);
    let log = task.map(|task| match called.map_index {
        -1 => format!("{path}/taskInstances/{task}/logs/{}", called.try_number),
        index => format!("{path}/taskInstances/{task}/logs/{}?map_index={index}", called.try_number),
    });
    let context = json!({
        "event": called.event,
        "state": called.state,
        "reason": called.reason,
        "exception": called.message,
        "deadline": called.deadline,
        "dag_id": run.dag_id,
        "run_id": run.dag_run_id,
        "run_type": run.run_type,
        "logical_date": run.logical_date,
        "task_id": task,
        "map_index": task.map(|_| called.map_index),
        "try_number": task.map(|_| called.try_number),
        "log": log,
    });
    Happened {
        event: called.event.as_str().to_owned(),
        state: called.state.clone(),
        reason: called.reason.clone(),
        message: called.message.clone(),
        deadline: called.deadline,
        context,
    }
}

impl OfCallback {
    /// The scope of the callback, in which the task is the one to which it happened.
    pub(crate) fn scope<'a>(&'a self, own: Scope<'a>, plan: &'a DagPlan) -> Scope<'a> {
        let subject = self.called.subject.as_ref().and_then(|(index, _)| plan.task(*index));
        let task = subject.map_or(own.task, |task| TaskScope {
            task_id: task.task_id.as_str(),
            map_index: self.called.map_index,
            try_number: self.called.try_number,
            max_tries: task.retry.max_tries,
            pool: task.pool.as_str(),
            queue: task.queue.as_str(),
            priority: task.priority,
        });
        Scope { task, happened: Some(&self.happened), ..own }
    }
}
