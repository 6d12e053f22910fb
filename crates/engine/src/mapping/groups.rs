//! Mapped groups: the tasks of one get their instances together, so that each of them has the same indexes.
//!
//! Until the list is known, each task of the group is one row with the index -1. The first of them that may run, and finds that what the
//! list comes from has finished (`pipeline/lists.rs`), is queued and so comes here, as a mapped task does. Rows that were finished before
//! (skipped by a branch, marked by a person) are the same at every index.
//!
//! | the rows | the list | then |
//! |---|---|---|
//! | index -1 | has items | they become index 0, and the others are made like them, for all tasks at once |
//! | index -1 | is empty, or cannot be made | all are skipped, or `upstream_failed`; what cannot be made fails the one that asked |
//! | index 0, run anew | longer | for all tasks, those that are missing are made and removed ones come back |
//! | index 0, run anew | shorter | for all tasks, those beyond its end are removed |
//! | index 0 | is empty | all are skipped, or removed |

use super::{List, source_that_ended};
use crate::pipeline::{Change, ToEnqueue};
use crate::{Engine, EngineError};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::plan::{DagPlan, MappedGroup};
use cofferdam_domain::task::{LeftOut, TaskEvent, TaskState, TaskStateName};
use cofferdam_domain::trigger_rule::{UpstreamCounts, Verdict};
use cofferdam_ids::{LeaseToken, RunKey, TaskInstanceId};
use cofferdam_store::Tx;
use cofferdam_store::execution::groups::{self as stored, Member, NewMember};
use cofferdam_store::execution::transition::{self, Counted, LockedInstance};
use std::collections::{BTreeMap, HashMap};

/// What happens to the instances of a group.
#[derive(Default)]
struct Plan {
    instances: Vec<LockedInstance>,
    changes: Vec<Change>,
    /// Those whose trigger rules are asked.
    ask: Vec<TaskInstanceId>,
    /// Those that were withheld until now.
    enqueue: Vec<ToEnqueue>,
}

impl Engine {
    /// Makes, removes and brings back instances of all tasks of a group, and commits.
    pub(super) async fn map_group(
        &self,
        mut tx: Tx<'_>,
        dag: &DagPlan,
        group: &MappedGroup,
        (locked, row, list): (LockedInstance, ToEnqueue, List),
    ) -> Result<(), EngineError> {
        let run = locked.run;
        let plan = match list {
            List::Impossible(message) => {
                let members = lock(&mut tx, run, group).await?;
                let why = source_that_ended(&mut tx, dag, Some(&group.expand), run).await?;
                // One that somebody runs by itself may come too early, which is no concern of the others.
                let sources: Vec<(RunKey, i32)> = group.sources.iter().map(|source| (run, *source)).collect();
                let too_early = !stored::unfinished_tasks(&mut tx, &sources).await?.is_empty();
                let mut changes: Vec<Change> = members
                    .iter()
                    .filter(|one| !one.state.is_finished() && !too_early)
                    .filter(|one| one.instance != row.instance || why.is_some())
                    .map(|one| Change::new(one.instance, TaskEvent::LeftOut(why.unwrap_or(LeftOut::UpstreamFailed))))
                    .collect();
                if why.is_none() || too_early {
                    let ending = Ending::failure(Reason::InvalidInput, message);
                    let lease = LeaseToken(row.last_lease.0 + 1);
                    changes.push(Change::new(row.instance, TaskEvent::Ended { try_number: row.try_number, lease, ending }));
                }
                Plan { instances: members, changes, ..Plan::default() }
            }
            List::Items(0) => {
                let members = lock(&mut tx, run, group).await?;
                let why = source_that_ended(&mut tx, dag, Some(&group.expand), run).await?.unwrap_or(LeftOut::NothingToMap);
                let unfinished = members.iter().filter(|one| !one.state.is_finished());
                let changes = unfinished.map(|one| {
                    Change::new(one.instance, if one.map_index <= 0 { TaskEvent::LeftOut(why) } else { TaskEvent::Removed })
                });
                Plan { changes: changes.collect(), instances: members, ..Plan::default() }
            }
            List::Items(items) if locked.map_index < 0 => first_expansion(&mut tx, dag, group, run, items).await?,
            List::Items(items) => {
                let mut plan = compared(&mut tx, dag, group, run, items).await?;
                if row.map_index == 0 {
                    plan.enqueue.push(ToEnqueue { compared: true, ..row });
                }
                plan
            }
        };
        let mut followups = self.change_and_ask(&mut tx, plan.instances, plan.changes, plan.ask, self.clock.now()).await?;
        tx.commit().await?;
        followups.enqueue.extend(plan.enqueue);
        metrics::counter!("cofferdam_mapped_total").increment(1);
        self.dispatch(followups).await;
        Ok(())
    }
}

/// All instances of a group, locked.
async fn lock(tx: &mut Tx<'_>, run: RunKey, group: &MappedGroup) -> Result<Vec<LockedInstance>, EngineError> {
    let members = stored::members(tx, run, &group.members).await?;
    let instances: Vec<TaskInstanceId> = members.iter().map(|member| member.instance).collect();
    Ok(transition::lock(tx, &instances).await?)
}

/// Gives every task of a group as many instances as there are items.
async fn first_expansion(
    tx: &mut Tx<'_>,
    dag: &DagPlan,
    group: &MappedGroup,
    run: RunKey,
    items: i32,
) -> Result<Plan, EngineError> {
    let firsts = lock(tx, run, group).await?;
    let made = make(tx, dag, group, &firsts, 1..items).await?;
    let mut plan = Plan::default();
    for (first, new) in &made {
        let event = match (first.state.name(), first.state.reason()) {
            (TaskStateName::None, _) => None,
            // It has been judged, or somebody wants it to run whatever its rule says.
            (TaskStateName::Queued | TaskStateName::Scheduled, _) => Some(TaskEvent::UpstreamsDone(Verdict::Ready)),
            (state, reason) => finished_like(state, reason),
        };
        match event {
            Some(event) => plan.changes.extend(new.iter().map(|one| Change::new(one.instance, event.clone()))),
            None => plan.ask.extend(new.iter().map(|one| one.instance)),
        }
    }
    for first in firsts {
        match first.state {
            TaskState::None { .. } => plan.ask.push(first.instance),
            TaskState::Queued { try_number, last_lease, since } => plan.enqueue.push(ToEnqueue {
                tenant: first.tenant,
                run,
                version: first.version,
                instance: first.instance,
                task_index: first.task_index,
                map_index: 0,
                try_number,
                last_lease,
                queued_at: since,
                not_before: None,
                compared: true,
            }),
            _ => {}
        }
    }
    plan.instances = made.into_iter().flat_map(|(first, new)| std::iter::once(first).chain(new)).collect();
    Ok(plan)
}

/// Lets the instances of every task of a group follow a list that was made anew.
async fn compared(tx: &mut Tx<'_>, dag: &DagPlan, group: &MappedGroup, run: RunKey, items: i32) -> Result<Plan, EngineError> {
    let members = stored::members(tx, run, &group.members).await?;
    let count = members.iter().map(|member| member.map_index + 1).max().unwrap_or(0);
    let excess = members.iter().filter(|one| one.map_index >= items && !one.state.is_finished());
    let excess: Vec<TaskInstanceId> = excess.map(|one| one.instance).collect();
    let removed = members.iter().filter(|one| one.map_index < items && one.state == TaskStateName::Removed);
    let removed: Vec<TaskInstanceId> = removed.map(|one| one.instance).collect();
    let mut plan = Plan::default();
    if count < items {
        let firsts: Vec<TaskInstanceId> = members.iter().filter(|one| one.map_index == 0).map(|one| one.instance).collect();
        let firsts = transition::lock(tx, &firsts).await?;
        let made = make(tx, dag, group, &firsts, count..items).await?;
        for (first, new) in made {
            match left_out_as_a_whole(&members, first.task_index) {
                Some(reason) => plan.changes.extend(new.iter().map(|one| Change::new(one.instance, TaskEvent::Bypassed(reason)))),
                None => plan.ask.extend(new.iter().map(|one| one.instance)),
            }
            plan.instances.extend(new);
        }
    }
    let others: Vec<TaskInstanceId> = excess.iter().chain(&removed).copied().collect();
    plan.instances.extend(transition::lock(tx, &others).await?);
    plan.changes.extend(excess.into_iter().map(|instance| Change::new(instance, TaskEvent::Removed)));
    plan.changes.extend(removed.into_iter().map(|instance| Change::new(instance, TaskEvent::Restored)));
    Ok(plan)
}

/// Makes instances of these indexes for every task of a group. `firsts` are the first instances of all of them. What waits for the group
/// waits for that many more. Returns each first instance, of index 0 then, with those made like it.
async fn make(
    tx: &mut Tx<'_>,
    dag: &DagPlan,
    group: &MappedGroup,
    firsts: &[LockedInstance],
    new: std::ops::Range<i32>,
) -> Result<Vec<(LockedInstance, Vec<LockedInstance>)>, EngineError> {
    let Some(run) = firsts.first().map(|first| first.run) else { return Ok(Vec::new()) };
    let states: HashMap<i32, &TaskState> = firsts.iter().map(|first| (first.task_index, &first.state)).collect();
    let mut made: Vec<(LockedInstance, Vec<LockedInstance>)> = Vec::with_capacity(firsts.len());
    let mut rows = Vec::with_capacity(firsts.len() * new.len());
    let mut more: BTreeMap<i32, i32> = BTreeMap::new();
    for first in firsts {
        let Some(task) = dag.task(first.task_index) else { continue };
        // What happened to the others of the group at the first index has not happened to them at the new ones.
        let mut upstream = first.upstream;
        for above in task.upstream.iter().filter(|above| group.members.contains(above)) {
            if let Some(outcome) = states.get(above).and_then(|state| state.name().outcome()) {
                upstream.retract(outcome);
            }
        }
        for below in task.downstream.iter().filter(|below| !group.members.contains(below)) {
            *more.entry(*below).or_default() += i32::try_from(new.len()).unwrap_or(i32::MAX);
        }
        let like = |map_index| LockedInstance {
            instance: TaskInstanceId::generate(),
            map_index,
            state: TaskState::new(),
            tries_before: 0,
            upstream,
            queued_at: None,
            started_at: None,
            attend_at: None,
            ..first.clone()
        };
        let instances: Vec<LockedInstance> = new.clone().map(like).collect();
        rows.extend(instances.iter().map(|one| NewMember {
            instance: one.instance,
            first: first.instance,
            map_index: one.map_index,
            upstream,
        }));
        made.push((LockedInstance { map_index: 0, ..first.clone() }, instances));
    }
    let ids: Vec<TaskInstanceId> = firsts.iter().map(|first| first.instance).collect();
    let run_unfinished = stored::extend(tx, run, &ids, &rows).await?;
    let counted = more.into_iter().filter(|(_, more)| *more > 0);
    let counted: Vec<Counted> =
        counted.map(|(task, more)| Counted { add: UpstreamCounts::of(more), ..Counted::new(run, task) }).collect();
    transition::count(tx, &counted, &[]).await?;
    for one in made.iter_mut().flat_map(|(first, new)| std::iter::once(first).chain(new)) {
        one.run_unfinished = run_unfinished;
    }
    Ok(made)
}

/// What makes an instance that has just been made finished in the same way as another.
const fn finished_like(state: TaskStateName, reason: Option<Reason>) -> Option<TaskEvent> {
    match (state, reason) {
        (TaskStateName::UpstreamFailed, _) => Some(TaskEvent::UpstreamsDone(Verdict::UpstreamFailed)),
        (TaskStateName::Skipped, Some(reason @ (Reason::BranchNotChosen | Reason::ShortCircuited))) => {
            Some(TaskEvent::Bypassed(reason))
        }
        (TaskStateName::Skipped, Some(Reason::MarkedByUser)) => Some(TaskEvent::MarkedSkipped),
        (TaskStateName::Skipped, _) => Some(TaskEvent::UpstreamsDone(Verdict::Skip)),
        (TaskStateName::Success, _) => Some(TaskEvent::MarkedSuccess),
        (TaskStateName::Failed, _) => Some(TaskEvent::MarkedFailed),
        (
            TaskStateName::None
            | TaskStateName::Scheduled
            | TaskStateName::Queued
            | TaskStateName::Running
            | TaskStateName::UpForRetry
            | TaskStateName::UpForReschedule
            | TaskStateName::Deferred
            | TaskStateName::Removed
            | TaskStateName::Restarting,
            _,
        ) => None,
    }
}

/// Why all instances of a task were left out, if something before the group has left out the task.
fn left_out_as_a_whole(members: &[Member], task_index: i32) -> Option<Reason> {
    let mut live = members.iter().filter(|one| one.task_index == task_index && one.state != TaskStateName::Removed);
    let reason = live.clone().next()?.reason?;
    let left_out = matches!(reason, Reason::BranchNotChosen | Reason::ShortCircuited);
    (left_out && live.all(|one| one.state == TaskStateName::Skipped && one.reason == Some(reason))).then_some(reason)
}
