//! Deadlines of what is cleared: they are counted anew.

use super::Pass;
use crate::EngineError;
use crate::runs::Counted;
use cofferdam_domain::plan::TaskPlan;
use cofferdam_domain::task::TaskEvent;
use cofferdam_ids::RunKey;
use cofferdam_store::Tx;
use cofferdam_store::execution::deadlines;
use cofferdam_store::execution::transition::LockedInstance;

/// Whether the deadline of a task is counted anew by what happens to an instance of it.
pub(super) fn is_renewed(task: &TaskPlan, event: &TaskEvent) -> bool {
    task.deadline.is_some() && *event == TaskEvent::Cleared
}

impl Pass<'_> {
    /// Counts the deadlines of cleared tasks anew, and those of runs that were finished and go on. One that is counted from the moment that
    /// the run is for lies where it lay: when it has passed, it is not missed again.
    pub(super) async fn renew_deadlines(&mut self, tx: &mut Tx<'_>, reopened: &[RunKey]) -> Result<(), EngineError> {
        let tasks = std::mem::take(&mut self.renewed);
        let of_runs = reopened.iter().map(|run| (*run, None));
        let of_tasks = tasks.into_iter().map(|(run, task)| (run, Some(task)));
        let mut renewed = Vec::new();
        for (run, task) in of_runs.chain(of_tasks) {
            let (Some(locked), Some(facts)) = (self.instance_of(run), self.facts.get(&run)) else { continue };
            let plan = &self.plans[&locked.version];
            let counted = Counted { run, tenant: locked.tenant, logical_date: facts.logical_date, queued_at: self.now };
            let deadline = match task {
                None => plan.deadline.map(|deadline| counted.deadline(None, deadline)),
                Some(task) => plan.task(task).and_then(|task| {
                    let subject = (task.task_index, task.task_id.clone());
                    Some(counted.deadline(Some(subject), task.deadline?))
                }),
            };
            renewed.extend(deadline.filter(|deadline| deadline.due_at.is_none_or(|due| due > self.now)));
        }
        if renewed.is_empty() { Ok(()) } else { Ok(deadlines::renew(tx, &renewed, Some(self.now)).await?) }
    }

    /// An instance of a run.
    fn instance_of(&self, run: RunKey) -> Option<&LockedInstance> {
        self.working.values().map(|working| &working.locked).find(|locked| locked.run == run)
    }
}
