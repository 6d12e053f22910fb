//! Mapped tasks: from one row to as many as there are items.
//!
//! A mapped task goes the way of every other until it is to be put into the queue. Then (`jobs.rs`) its list is read, without
//! a transaction, and what has to be done to its instances is noted as a [`Mapping`]. That is done in a transaction of its own,
//! fenced by the state, the try and the index that the row had. What is lost before it, the reconciler of queued instances
//! brings back: a row that is `queued` and that the queue does not have is on its way to the queue again, and so comes here.
//!
//! | the row | the list | then |
//! |---|---|---|
//! | index -1 | has items | it becomes index 0, and the others are made like it |
//! | index -1 | is empty, or cannot be made | it is skipped, `upstream_failed`, or fails |
//! | index 0, run anew | as long as before | nothing |
//! | index 0, run anew | longer | those that are missing are made, removed ones come back |
//! | index 0 | is empty | it becomes index -1 and is skipped; the others are removed |
//! | any other | is too short for it | it is removed |
//!
//! The tasks of a mapped group get their instances together: see `mapping/groups.rs`.

mod groups;

use crate::inputs::XComs;
use crate::pipeline::{Change, ToEnqueue};
use crate::{Engine, EngineError};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::plan::{DagPlan, Expansion, MappedValues, TaskPlan};
use cofferdam_domain::task::{LeftOut, TaskEvent, TaskState, TaskStateName};
use cofferdam_domain::template::Scope;
use cofferdam_domain::trigger_rule::{UpstreamCounts, Verdict};
use cofferdam_ids::{LeaseToken, RunKey, TaskId};
use cofferdam_store::Tx;
use cofferdam_store::execution::mapping::{self as stored, Compared};
use cofferdam_store::execution::transition::{self, Counted, LockedInstance};
use futures::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is to be done to the instances of a mapped task.
pub(crate) struct Mapping {
    row: ToEnqueue,
    list: List,
}

/// What is known of the list.
enum List {
    /// It has so many items.
    Items(i32),
    /// It cannot be made.
    Impossible(String),
}

impl Mapping {
    pub(crate) const fn impossible(row: ToEnqueue, message: String) -> Self {
        Self { row, list: List::Impossible(message) }
    }
}

/// Whether an instance stands for a mapped task whose list is not known yet.
pub(crate) const fn is_unexpanded(task: &TaskPlan, map_index: i32) -> bool {
    task.is_mapped() && map_index < 0
}

/// The lists of the mapped tasks among some tries, each made once.
#[derive(Default)]
pub(crate) struct Lists {
    values: HashMap<(RunKey, i32), Result<Arc<MappedValues>, String>>,
    /// Tasks of which an instance beyond the end was met.
    shorter: HashSet<(RunKey, i32)>,
}

impl Lists {
    /// The values that a task is mapped over, by itself or with its group; none for one that is not mapped.
    pub(crate) fn values(
        &mut self,
        new: &ToEnqueue,
        plan: &DagPlan,
        task: &TaskPlan,
        scope: &Scope<'_>,
        xcoms: &XComs,
    ) -> Result<Option<Arc<MappedValues>>, String> {
        let Some(expand) = plan.expansion(task) else { return Ok(None) };
        let group = plan.mapped_group(task);
        // A group has one list, kept for the first of its tasks.
        let owner = group.and_then(|group| group.members.first().copied()).unwrap_or(new.task_index);
        let made = self.values.entry((new.run, owner)).or_insert_with(|| {
            let is_mapped = |source: &TaskId| plan.task_named(source).is_some_and(TaskPlan::is_mapped);
            xcoms.check(new.run, &expand.references(), is_mapped)?;
            let values = match group {
                Some(group) => group.values(scope),
                None => expand.values(scope),
            };
            Ok(Arc::new(values.map_err(|error| error.to_string())?))
        });
        made.clone().map(Some)
    }

    /// What is to be done to the instances of the task, for this one's sake.
    pub(crate) fn mapping(&mut self, new: &ToEnqueue, plan: &DagPlan, task: &TaskPlan, values: &MappedValues) -> Option<Mapping> {
        let speaks = task.flow.mapped.is_none() || plan.is_root_of_mapped_group(task);
        let due = match new.map_index {
            ..=-1 => true,
            // The first instance speaks for all: run anew, it may find a list of another length. It is withheld until the others are
            // there, so that nothing takes the task for finished before.
            0 => values.is_empty() || speaks && new.try_number > 1 && new.not_before.is_none() && !new.compared,
            index => !values.has(index) && self.shorter.insert((new.run, new.task_index)),
        };
        let items = i32::try_from(values.len()).unwrap_or(i32::MAX);
        due.then(|| Mapping { row: new.clone(), list: List::Items(items) })
    }
}

impl Engine {
    /// Does what is to be done to mapped tasks, in the background: whoever made them ready does not wait for it.
    pub(crate) fn map_later(&self, mapping: Vec<Mapping>) {
        if mapping.is_empty() {
            return;
        }
        let Some(engine) = self.this.upgrade() else { return };
        tokio::spawn(engine.map_all(mapping));
    }

    fn map_all(self: Arc<Self>, mapping: Vec<Mapping>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            for one in mapping {
                let (instance, task_index) = (one.row.instance, one.row.task_index);
                if let Err(error) = self.map(one).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        task_instance.id = %instance,
                        task_index,
                        "a mapped task could not be expanded; a reconciler will try again"
                    );
                }
            }
        })
    }

    /// Makes, removes and brings back instances of a mapped task, in one transaction.
    async fn map(&self, mapping: Mapping) -> Result<(), EngineError> {
        let Mapping { row, list } = mapping;
        let mut tx = self.begin_for([row.tenant]).await?;
        let Some(locked) = transition::lock(&mut tx, &[row.instance]).await?.pop() else { return Ok(()) };
        let as_it_was = matches!(locked.state, TaskState::Queued { try_number, .. } if try_number == row.try_number)
            && locked.map_index == row.map_index;
        if !as_it_was {
            // Somebody else did it, or it was cancelled, cleared or retried meanwhile.
            return Ok(());
        }
        let plans = self.plans(&mut tx, [locked.version]).await?;
        let plan = &plans[&locked.version];
        let task = crate::pipeline::planned(&plans, &locked)?;
        if let Some(group) = plan.mapped_group(task) {
            return self.map_group(tx, plan, group, (locked, row, list)).await;
        }
        let goes_on = matches!(list, List::Items(1..));
        let (instances, changes) = match list {
            List::Impossible(message) => {
                let event = match source_that_ended(&mut tx, plan, task.expand.as_ref(), locked.run).await? {
                    Some(why) => TaskEvent::LeftOut(why),
                    None => TaskEvent::Ended {
                        try_number: row.try_number,
                        lease: LeaseToken(row.last_lease.0 + 1),
                        ending: Ending::failure(Reason::InvalidInput, message),
                    },
                };
                let changes = vec![Change::new(locked.instance, event)];
                (vec![locked], changes)
            }
            List::Items(0) if row.map_index <= 0 => {
                let why = source_that_ended(&mut tx, plan, task.expand.as_ref(), locked.run).await?;
                let why = why.unwrap_or(LeftOut::NothingToMap);
                let others = stored::compare(&mut tx, locked.run, locked.task_index, 1).await?.excess;
                let mut instances = stored::extend(&mut tx, locked, -1, 0..0).await?;
                let mut changes = vec![Change::new(row.instance, TaskEvent::LeftOut(why))];
                changes.extend(others.iter().map(|instance| Change::new(*instance, TaskEvent::Removed)));
                instances.extend(transition::lock(&mut tx, &others).await?);
                (instances, changes)
            }
            List::Items(items) => {
                let Compared { count, excess, removed } = stored::compare(&mut tx, locked.run, locked.task_index, items).await?;
                let mut changes: Vec<Change> = Vec::new();
                let mut instances = Vec::new();
                // After an empty list there are removed ones from index 1 on.
                let next = if row.map_index < 0 { count + 1 } else { count };
                if row.map_index < 0 || row.map_index == 0 && next < items {
                    let made = self.make(&mut tx, task, locked, next..items).await?;
                    // Their upstream tasks were judged with the first one's.
                    let ready = |made: &LockedInstance| Change::new(made.instance, TaskEvent::UpstreamsDone(Verdict::Ready));
                    changes.extend(made.iter().skip(1).map(ready));
                    instances.extend(made);
                } else if row.map_index == 0 {
                    instances.push(locked);
                }
                changes.extend(excess.iter().map(|instance| Change::new(*instance, TaskEvent::Removed)));
                changes.extend(removed.iter().map(|instance| Change::new(*instance, TaskEvent::Restored)));
                let others: Vec<_> = excess.into_iter().chain(removed).collect();
                instances.extend(transition::lock(&mut tx, &others).await?);
                (instances, changes)
            }
        };
        let mut followups = self.change(&mut tx, instances, changes, self.clock.now()).await?;
        tx.commit().await?;
        if row.map_index <= 0 && goes_on {
            // It was withheld until here.
            followups.enqueue.push(ToEnqueue { map_index: 0, compared: true, ..row });
        }
        metrics::counter!("cofferdam_mapped_total").increment(1);
        self.dispatch(followups).await;
        Ok(())
    }

    /// Makes the instances of these indexes like the first one, which has index 0 then. What waits for the task waits for
    /// that many more.
    async fn make(
        &self,
        tx: &mut Tx<'_>,
        task: &TaskPlan,
        first: LockedInstance,
        new: std::ops::Range<i32>,
    ) -> Result<Vec<LockedInstance>, EngineError> {
        let (run, more) = (first.run, new.len());
        let instances = stored::extend(tx, first, 0, new).await?;
        if more > 0 {
            let add = UpstreamCounts::of(i32::try_from(more).unwrap_or(i32::MAX));
            let counted: Vec<Counted> =
                task.downstream.iter().map(|downstream| Counted { add, ..Counted::new(run, *downstream) }).collect();
            // More to wait for changes no verdict: the first instance is not finished either.
            transition::count(tx, &counted, &[]).await?;
        }
        Ok(instances)
    }
}

/// Why there is no list, when it is because a task that it comes from did not succeed (Airflow's rule: then the mapped task does
/// not run either, whatever its trigger rule says).
async fn source_that_ended(
    tx: &mut Tx<'_>,
    plan: &DagPlan,
    expand: Option<&Expansion>,
    run: RunKey,
) -> Result<Option<LeftOut>, EngineError> {
    let sources: Vec<i32> = expand
        .into_iter()
        .flat_map(Expansion::references)
        .filter_map(|(source, _)| Some(plan.task_named(&source)?.task_index))
        .collect();
    let states = stored::unmapped_states(tx, run, &sources).await?;
    let any = |wanted: &[TaskStateName]| states.iter().any(|state| wanted.contains(state));
    Ok(if any(&[TaskStateName::Failed, TaskStateName::UpstreamFailed]) {
        Some(LeftOut::UpstreamFailed)
    } else if any(&[TaskStateName::Skipped]) {
        Some(LeftOut::UpstreamSkipped)
    } else {
        None
    })
}
