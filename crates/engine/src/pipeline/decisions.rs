//! Results that decide what runs, and tasks that run whatever was decided.

use super::{Pass, planned};
use crate::EngineError;
use crate::record::Report;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::plan::{DagPlan, LeftOut, TaskPlan, TeardownPlan};
use cofferdam_domain::task::{TaskEvent, TaskStateName};
use cofferdam_domain::trigger_rule::Verdict;
use cofferdam_ids::{RunKey, TaskInstanceId, XComKey};
use cofferdam_store::Tx;
use cofferdam_store::execution::facts::XComValue;
use cofferdam_store::execution::transition::{self, LockedInstance};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// How the instances of setups ended, by run and task, each with its index.
pub(super) type Setups = HashMap<(RunKey, i32), Vec<(i32, TaskStateName)>>;

/// What the end of a task's try leaves out. A result by which nothing can be decided makes a failure of a success.
pub(super) fn decide(plan: &DagPlan, task_index: i32, event: TaskEvent, report: Option<&Report>) -> (TaskEvent, Option<LeftOut>) {
    let TaskEvent::Ended { try_number, lease, ending: Ending::Success { .. } } = event else { return (event, None) };
    // The result is among the XComs, except for null.
    let returned = report.and_then(|report| report.xcoms.iter().rev().find(|xcom| xcom.key == XComKey::return_value()));
    let result = match returned.map(|xcom| &xcom.value) {
        None => Value::Null,
        Some(XComValue::Inline(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        // Too large for a row, so neither empty nor a name of anything.
        Some(XComValue::Object(_)) => Value::Bool(true),
    };
    match plan.left_out(task_index, &result) {
        Ok(left_out) => (event, left_out),
        Err(error) => {
            let ending = Ending::failure(Reason::InvalidOutput, error.to_string());
            (TaskEvent::Ended { try_number, lease, ending }, None)
        }
    }
}

/// Why tasks are left out.
pub(super) const fn reason(left_out: &LeftOut) -> Reason {
    match left_out {
        LeftOut::NotChosen(_) => Reason::BranchNotChosen,
        LeftOut::ShortCircuited(_) => Reason::ShortCircuited,
    }
}

/// What becomes of a teardown when all that it waits for has finished.
pub(super) fn teardown(
    plan: &DagPlan,
    (task, teardown): (&TaskPlan, &TeardownPlan),
    locked: &LockedInstance,
    setups: &Setups,
) -> Verdict {
    let of = |setup: &i32| setups.get(&(locked.run, *setup)).map(|states| (plan.goes_by_index(task, *setup), states));
    // Of a mapped setup, one success is enough; of one in the same mapped group, that of the same index counts.
    let states: Vec<TaskStateName> = teardown
        .setups
        .iter()
        .filter_map(of)
        .flat_map(|(by_index, states)| states.iter().filter(move |(index, _)| !by_index || *index == locked.map_index))
        .map(|(_, state)| *state)
        .collect();
    if states.is_empty() || states.contains(&TaskStateName::Success) {
        Verdict::Ready
    } else if states.iter().all(|state| matches!(state, TaskStateName::Skipped | TaskStateName::Removed)) {
        Verdict::Skip
    } else {
        Verdict::UpstreamFailed
    }
}

impl Pass<'_> {
    /// Skips what results have left out and what has not started.
    pub(super) async fn leave_out(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out.is_empty() {
            return Ok(());
        }
        let reasons: HashMap<(RunKey, i32, Option<i32>), Reason> =
            left_out.iter().map(|(run, task, index, reason)| ((*run, *task, *index), *reason)).collect();
        let tasks: BTreeSet<(RunKey, i32)> = reasons.keys().map(|(run, task, _)| (*run, *task)).collect();
        let tasks: Vec<(RunKey, i32)> = tasks.into_iter().collect();
        for locked in transition::lock_waiting(tx, &tasks).await? {
            let (instance, run, task, index) = (locked.instance, locked.run, locked.task_index, locked.map_index);
            let reason = reasons.get(&(run, task, None)).or_else(|| reasons.get(&(run, task, Some(index))));
            if let Some(reason) = reason {
                self.take_up(locked);
                self.apply(instance, TaskEvent::Bypassed(*reason), None)?;
            }
        }
        self.write(tx).await
    }

    /// How the setups ended that the teardowns among these instances belong to.
    pub(super) async fn setups(&self, tx: &mut Tx<'_>, waiting: &[TaskInstanceId]) -> Result<Setups, EngineError> {
        let mut wanted = Vec::new();
        for working in waiting.iter().filter_map(|instance| self.working.get(instance)) {
            if let Some(teardown) = &planned(&self.plans, &working.locked)?.flow.teardown
                && working.locked.upstream.all_done()
            {
                wanted.extend(teardown.setups.iter().map(|setup| (working.locked.run, *setup)));
            }
        }
        if wanted.is_empty() {
            return Ok(Setups::new());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut setups = Setups::new();
        for (run, task, index, state) in transition::states(tx, &wanted).await? {
            setups.entry((run, task)).or_default().push((index, state));
        }
        Ok(setups)
    }
}
