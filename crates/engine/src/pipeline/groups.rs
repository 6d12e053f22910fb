//! Mapped groups: their tasks wait for each other index by index, and all of them for the tasks that their list comes from.

use super::{Pass, planned};
use crate::EngineError;
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::trigger_rule::Verdict;
use cofferdam_ids::{RunKey, TaskInstanceId};
use cofferdam_store::Tx;
use cofferdam_store::execution::groups;
use cofferdam_store::execution::transition::{self, Counted, LockedInstance};
use std::collections::HashSet;

/// A task that waits for others, and which of its instances; nothing for all of them.
type Waiting = (RunKey, i32, Option<i32>);

/// What waits for an instance: of tasks that run index by index beside it, the instance of its index.
pub(super) fn waiting_for(plan: &DagPlan, task: &TaskPlan, locked: &LockedInstance) -> impl Iterator<Item = Waiting> {
    task.downstream.iter().map(move |below| {
        let by_index = locked.map_index >= 0 && plan.goes_by_index(task, *below);
        (locked.run, *below, by_index.then_some(locked.map_index))
    })
}

/// Nothing counted yet.
pub(super) const fn counted((run, task_index, map_index): Waiting) -> Counted {
    Counted { map_index, ..Counted::new(run, task_index) }
}

impl Pass<'_> {
    /// Counts outcomes for single instances, and finds those whose lists may be there now. Returns those that have not started.
    pub(super) async fn count_by_index(
        &mut self,
        tx: &mut Tx<'_>,
        by_index: &[Counted],
    ) -> Result<Vec<LockedInstance>, EngineError> {
        let mut found = groups::count_by_index(tx, by_index).await?;
        let tasks: Vec<(RunKey, i32)> = std::mem::take(&mut self.check_tasks).into_iter().collect();
        if !tasks.is_empty() {
            found.extend(transition::lock_waiting(tx, &tasks).await?);
        }
        Ok(found)
    }

    /// Those of these instances whose group's list is not there yet, or is being made anew.
    pub(super) async fn too_early(
        &self,
        tx: &mut Tx<'_>,
        waiting: &[TaskInstanceId],
    ) -> Result<HashSet<TaskInstanceId>, EngineError> {
        let mut asking = Vec::new();
        for (instance, working) in waiting.iter().filter_map(|instance| Some((*instance, self.working.get(instance)?))) {
            let (locked, task) = (&working.locked, planned(&self.plans, &working.locked)?);
            let Some(group) = self.plans[&locked.version].mapped_group(task) else { continue };
            // An instance that was made since the list is there, and waits for no more, cannot be too early.
            let may_be = locked.map_index < 0 || locked.state.try_number() > 0 || !locked.upstream.all_done();
            if may_be && !group.sources.is_empty() && task.verdict(&locked.upstream) == Verdict::Ready {
                asking.push((instance, locked.run, &group.sources));
            }
        }
        let mut sources: Vec<(RunKey, i32)> =
            asking.iter().flat_map(|(_, run, sources)| sources.iter().map(|source| (*run, *source))).collect();
        if sources.is_empty() {
            return Ok(HashSet::new());
        }
        sources.sort_unstable();
        sources.dedup();
        let unfinished: HashSet<(RunKey, i32)> = groups::unfinished_tasks(tx, &sources).await?.into_iter().collect();
        let early =
            asking.into_iter().filter(|(_, run, sources)| sources.iter().any(|source| unfinished.contains(&(*run, *source))));
        Ok(early.map(|(instance, ..)| instance).collect())
    }
}
