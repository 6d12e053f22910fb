//! Clearing and marking: what people do to the instances of runs, one or thousands of them, in one transaction.

use crate::pipeline::{Change, Followups};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::context::{Context, Role};
use cofferdam_domain::plan::DagPlan;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::{TaskEvent, TaskStateName};
use cofferdam_domain::trigger_rule::Verdict;
use cofferdam_ids::{DagId, DagRunId, DagVersionId, RunKey, TaskId, TaskInstanceId};
use cofferdam_store::execution::actions::{self, Candidate, RunScope, SelectedRun};
use cofferdam_store::execution::transition::{self, LockedInstance};
use cofferdam_store::{StoreError, Tx};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most runs that one call is about.
pub const MOST_RUNS: i64 = 1_000;
/// The most task instances that one call is about.
pub const MOST_INSTANCES: i64 = 20_000;

/// Which task instances of a dag are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Tasks by name; none named: all.
    pub tasks: Option<Vec<TaskId>>,
    /// Only this instance of a mapped task, and of those that run beside it in a mapped group; of other tasks that are reached by
    /// `upstream` and `downstream`, all.
    pub map_index: Option<i32>,
    /// Runs.
    pub runs: RunScope,
    /// Also the runs before the one that is named.
    pub past: bool,
    /// Also the runs after the one that is named.
    pub future: bool,
    /// Also everything that the tasks wait for.
    pub upstream: bool,
    /// Also everything that waits for the tasks.
    pub downstream: bool,
    /// Only instances in these states; nothing: in any.
    pub states: Option<Vec<TaskStateName>>,
    /// Of these only those named here; nothing: all.
    pub instances: Option<BTreeSet<TaskInstanceId>>,
}

/// What is done to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They are run anew, when their trigger rules allow it.
    Clear,
    /// Those that failed are run anew, and what was not run because they had.
    Retry,
    /// They are run anew at once, whatever their trigger rules say.
    Run,
    /// They count as succeeded.
    MarkSuccess,
    /// They count as failed.
    MarkFailed,
    /// They count as skipped.
    MarkSkipped,
}

impl Act {
    /// Whether it does something to an instance in this state.
    const fn concerns(self, state: TaskStateName) -> bool {
        match (self, state) {
            (_, TaskStateName::Removed)
            | (Self::Clear, TaskStateName::None)
            | (Self::MarkSuccess, TaskStateName::Success)
            | (Self::MarkFailed, TaskStateName::Failed)
            | (Self::MarkSkipped, TaskStateName::Skipped) => false,
            (Self::Retry, state) => matches!(state, TaskStateName::Failed),
            (Self::Clear | Self::Run | Self::MarkSuccess | Self::MarkFailed | Self::MarkSkipped, _) => true,
        }
    }

    const fn event(self) -> TaskEvent {
        match self {
            Self::Clear | Self::Retry | Self::Run => TaskEvent::Cleared,
            Self::MarkSuccess => TaskEvent::MarkedSuccess,
            Self::MarkFailed => TaskEvent::MarkedFailed,
            Self::MarkSkipped => TaskEvent::MarkedSkipped,
        }
    }
}

/// An instance that something was done to, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Its run.
    pub dag_run_id: DagRunId,
    /// The moment that the run is for.
    pub logical_date: DateTime<Utc>,
    /// Its task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The state that it had before.
    pub state: TaskStateName,
    /// The try that it was at, from 1; nought before the first.
    pub try_number: u32,
}

/// What a person says that a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMark {
    /// Every task of it counts as succeeded.
    Success,
    /// What runs counts as failed, what waits is left out.
    Failed,
    /// It is what its tasks say: a state that a person gave it is taken back.
    ByItsTasks,
}

/// Instances that are meant, with what is known of their runs.
struct Meant {
    runs: HashMap<RunKey, SelectedRun>,
    plans: HashMap<DagVersionId, Arc<DagPlan>>,
    instances: Vec<Candidate>,
}

impl Engine {
    /// Clears or marks the instances that are selected, or with `dry_run` only says which they are. Marking one as succeeded or
    /// skipped, and retrying one, also clears those behind it that were not run because it had failed. Runs that were finished go on.
    ///
    /// # Errors
    /// When there is no such dag, run or task, too much is selected, or the caller is no operator.
    pub async fn act(
        &self,
        context: &Context,
        dag_id: &DagId,
        selection: &Selection,
        act: Act,
        dry_run: bool,
    ) -> Result<Vec<Touched>, EngineError> {
        context.require(Role::Operator)?;
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let meant = self.select(&mut tx, dag_id, selection).await?;
        let chosen: Vec<&Candidate> = meant.instances.iter().filter(|one| act.concerns(one.state)).collect();
        let ids: BTreeSet<TaskInstanceId> = chosen.iter().map(|one| one.instance).collect();
        if dry_run || ids.is_empty() {
            return Ok(chosen.into_iter().filter_map(|one| meant.touched(one)).collect());
        }
        let behind = match act {
            Act::Retry | Act::MarkSuccess | Act::MarkSkipped => not_run_behind(&mut tx, &meant, &chosen).await?,
            Act::Clear | Act::Run | Act::MarkFailed => HashSet::new(),
        };
        let both: Vec<TaskInstanceId> = ids.iter().chain(&behind).copied().collect();
        let locked = transition::lock(&mut tx, &both).await?;
        let (changes, touched, cleared) = plan_changes(&locked, &meant, &ids, selection, act)?;
        actions::forget_xcoms(&mut tx, &cleared).await?;
        let followups = self.change(&mut tx, locked, changes, now).await?;
        tx.commit().await?;
        self.announce_reopened(context, &touched, &meant, &followups);
        self.dispatch(followups).await;
        tracing::info!(dag.id = %dag_id, task_instances = touched.len(), act = ?act, "task instances were changed by hand");
        Ok(touched)
    }

    /// Gives a run and its tasks the state that a person wants, or with `dry_run` only says which tasks would get another. Doing it again
    /// does nothing more. Returns the task instances, as they were.
    ///
    /// # Errors
    /// When there is no such run, or the caller is no operator.
    pub async fn mark_run(
        &self,
        context: &Context,
        dag_id: &DagId,
        run_id: &DagRunId,
        mark: RunMark,
        dry_run: bool,
    ) -> Result<Vec<Touched>, EngineError> {
        context.require(Role::Operator)?;
        let now = self.clock.now();
        let mut tx = self.store.begin(context).await?;
        let selection = Selection {
            runs: RunScope { dag_run_ids: Some(vec![run_id.clone()]), ..RunScope::default() },
            ..Selection::default()
        };
        let meant = self.select(&mut tx, dag_id, &selection).await?;
        let Some(run) = meant.runs.keys().next().copied() else { return Err(StoreError::not_found("dag run", run_id).into()) };
        let changed = meant.instances.iter().filter(|one| event_of(mark, one.state).is_some());
        let touched = changed.filter_map(|one| meant.touched(one)).collect();
        if dry_run {
            return Ok(touched);
        }
        let ids: Vec<TaskInstanceId> = meant.instances.iter().map(|one| one.instance).collect();
        let locked = transition::lock(&mut tx, &ids).await?;
        let changes =
            locked.iter().filter_map(|one| Some(Change::new(one.instance, event_of(mark, one.state.name())?))).collect();
        // Who says what the run is need not be told.
        let mut followups = self.change_told(&mut tx, locked, (changes, Vec::new()), now, false).await?;
        for mut closed in transition::settle(&mut tx, &[(run, 0)], now).await? {
            if mark != RunMark::ByItsTasks {
                closed.succeeded = mark == RunMark::Success;
                actions::mark_run(&mut tx, run, closed.succeeded, now).await?;
            }
            followups.closed.retain(|(_, other)| other.run != run);
            followups.closed.push((context.tenant, closed));
        }
        tx.commit().await?;
        self.dispatch(followups).await;
        Ok(touched)
    }

    /// The task instances of runs, as they are.
    pub(super) async fn instances_of(
        &self,
        tx: &mut Tx<'_>,
        dag_id: &DagId,
        runs: RunScope,
    ) -> Result<Vec<Touched>, EngineError> {
        let meant = self.select(tx, dag_id, &Selection { runs, ..Selection::default() }).await?;
        Ok(meant.instances.iter().filter_map(|one| meant.touched(one)).collect())
    }

    /// Finds what a selection means.
    async fn select(&self, tx: &mut Tx<'_>, dag_id: &DagId, selection: &Selection) -> Result<Meant, EngineError> {
        let dag = actions::find_dag(tx, dag_id).await?;
        let mut runs = actions::runs(tx, dag, &selection.runs, MOST_RUNS + 1).await?;
        if let Some(wanted) = &selection.runs.dag_run_ids {
            if let Some(missing) = wanted.iter().find(|name| runs.iter().all(|run| run.dag_run_id != **name)) {
                return Err(StoreError::not_found("dag run", missing).into());
            }
            let (first, last) = (runs.first().map(|run| run.logical_date), runs.last().map(|run| run.logical_date));
            for (wanted, scope) in [
                (selection.past, RunScope { to: first, ..RunScope::default() }),
                (selection.future, RunScope { from: last, ..RunScope::default() }),
            ] {
                if wanted {
                    let known: HashSet<RunKey> = runs.iter().map(|run| run.run).collect();
                    let more = actions::runs(tx, dag, &scope, MOST_RUNS + 1).await?;
                    runs.extend(more.into_iter().filter(|run| !known.contains(&run.run)));
                }
            }
        }
        if runs.len() as i64 > MOST_RUNS {
            return Err(too_much(format!("more than {MOST_RUNS} runs are selected")));
        }
        let plans = self.plans(tx, runs.iter().map(|run| run.version)).await?;
        // The tasks that are meant, each with whether only the wanted index of it is.
        let mut indexes: HashMap<DagVersionId, HashMap<i32, bool>> = HashMap::new();
        let mut names: BTreeSet<TaskId> = BTreeSet::new();
        if let Some(tasks) = &selection.tasks {
            if let Some(missing) = tasks.iter().find(|task| plans.values().all(|plan| plan.task_named(task).is_none())) {
                return Err(StoreError::not_found("task", missing).into());
            }
            for (version, plan) in &plans {
                let start: Vec<i32> = tasks.iter().filter_map(|task| Some(plan.task_named(task)?.task_index)).collect();
                let reached = plan.reach(&start, selection.upstream, selection.downstream);
                let reached = reached.into_iter().filter_map(|index| plan.task(index));
                let reached = reached.map(|task| {
                    let beside = start.iter().any(|other| plan.goes_by_index(task, *other));
                    (task.task_index, start.contains(&task.task_index) || beside)
                });
                let reached: HashMap<i32, bool> = reached.collect();
                names.extend(reached.keys().filter_map(|index| Some(plan.task(*index)?.task_id.clone())));
                indexes.insert(*version, reached);
            }
        }
        let names: Option<Vec<TaskId>> = selection.tasks.is_some().then(|| names.into_iter().collect());
        let keys: Vec<RunKey> = runs.iter().map(|run| run.run).collect();
        // Who names instances has counted them.
        let most = if selection.instances.is_some() { i64::from(i32::MAX) } else { MOST_INSTANCES };
        let found = actions::candidates(tx, &keys, names.as_deref(), most + 1).await?;
        if found.len() as i64 > most {
            return Err(too_much(format!("more than {MOST_INSTANCES} task instances are selected")));
        }
        let runs: HashMap<RunKey, SelectedRun> = runs.into_iter().map(|run| (run.run, run)).collect();
        let instances = found.into_iter().filter(|one| {
            let of_version = runs.get(&one.run).and_then(|run| indexes.get(&run.version));
            // Without names all tasks are meant, at the index.
            let meant = of_version.map_or(Some(&true), |reached| reached.get(&one.task_index));
            meant.is_some_and(|by_index| !by_index || selection.map_index.is_none_or(|wanted| wanted == one.map_index))
                && selection.states.as_ref().is_none_or(|states| states.contains(&one.state))
                && selection.instances.as_ref().is_none_or(|wanted| wanted.contains(&one.instance))
        });
        let instances = instances.collect();
        Ok(Meant { runs, plans, instances })
    }

    /// Tells screens of finished runs that go on.
    fn announce_reopened(&self, context: &Context, touched: &[Touched], meant: &Meant, followups: &Followups) {
        let closed: HashSet<RunKey> = followups.closed.iter().map(|(_, run)| run.run).collect();
        let names: HashSet<&DagRunId> = touched.iter().map(|one| &one.dag_run_id).collect();
        let going_on = meant.runs.values().filter(|run| names.contains(&run.dag_run_id) && !closed.contains(&run.run));
        self.announce_changes(Vec::new(), going_on.map(|run| (context.tenant, run.run, RunStateName::Running)));
    }
}

impl Meant {
    fn touched(&self, one: &Candidate) -> Option<Touched> {
        let run = self.runs.get(&one.run)?;
        Some(Touched {
            dag_run_id: run.dag_run_id.clone(),
            logical_date: run.logical_date,
            task_id: one.task_id.clone(),
            map_index: one.map_index,
            state: one.state,
            try_number: one.try_number,
        })
    }
}

fn too_much(what: String) -> EngineError {
    EngineError::Invalid { pointer: "".into(), message: format!("{what}; name a run, or narrow the dates") }
}

/// What happens to each instance, as it is under the lock.
fn plan_changes(
    locked: &[LockedInstance],
    meant: &Meant,
    ids: &BTreeSet<TaskInstanceId>,
    selection: &Selection,
    act: Act,
) -> Result<(Vec<Change>, Vec<Touched>, Vec<(RunKey, TaskId, i32)>), EngineError> {
    let (mut changes, mut touched, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    let known: HashMap<TaskInstanceId, &Candidate> = meant.instances.iter().map(|one| (one.instance, one)).collect();
    let address = |one: &LockedInstance| (one.run, one.task_id.clone(), one.map_index);
    for one in locked {
        let state = one.state.name();
        if !ids.contains(&one.instance) {
            if state == TaskStateName::UpstreamFailed {
                changes.push(Change::new(one.instance, TaskEvent::Cleared));
                cleared.push(address(one));
            }
            continue;
        }
        let wanted = selection.states.as_ref().is_none_or(|states| states.contains(&state));
        if !wanted || !act.concerns(state) {
            // Somebody else came first.
            continue;
        }
        if act == Act::Run && (one.run_state == RunStateName::Queued || is_under_way(state)) {
            let message = format!("the task '{}' is {state}; it can be run by itself when it is not under way", one.task_id);
            return Err(StoreError::conflict(message).into());
        }
        if matches!(act, Act::Clear | Act::Retry | Act::Run) {
            cleared.push(address(one));
        }
        changes.push(Change::new(one.instance, act.event()));
        if act == Act::Run {
            changes.push(Change::new(one.instance, TaskEvent::UpstreamsDone(Verdict::Ready)));
        }
        let before = known.get(&one.instance).map(|candidate| Candidate { state, ..(*candidate).clone() });
        touched.extend(before.and_then(|before| meant.touched(&before)));
    }
    Ok((changes, touched, cleared))
}

/// Whether a worker has it, or the queue.
const fn is_under_way(state: TaskStateName) -> bool {
    match state {
        TaskStateName::Scheduled
        | TaskStateName::Queued
        | TaskStateName::Running
        | TaskStateName::UpForRetry
        | TaskStateName::UpForReschedule
        | TaskStateName::Deferred
        | TaskStateName::Restarting => true,
        TaskStateName::None
        | TaskStateName::Success
        | TaskStateName::Failed
        | TaskStateName::UpstreamFailed
        | TaskStateName::Skipped
        | TaskStateName::Removed => false,
    }
}

/// The instances behind those that were not run because of a failure before them.
async fn not_run_behind(tx: &mut Tx<'_>, meant: &Meant, chosen: &[&Candidate]) -> Result<HashSet<TaskInstanceId>, EngineError> {
    let mut marked: HashMap<RunKey, Vec<i32>> = HashMap::new();
    for one in chosen {
        marked.entry(one.run).or_default().push(one.task_index);
    }
    let chosen_unlisted: Vec<(RunKey, i32)> =
        chosen.iter().filter(|one| one.map_index < 0).map(|one| (one.run, one.task_index)).collect();
    let runs: Vec<RunKey> = marked.keys().copied().collect();
    let chosen: HashSet<TaskInstanceId> = chosen.iter().map(|one| one.instance).collect();
    let mut behind: HashMap<RunKey, BTreeSet<i32>> = HashMap::new();
    for (run, tasks) in &marked {
        let plan = meant.runs.get(run).and_then(|run| meant.plans.get(&run.version));
        let mut tasks = tasks.clone();
        // A mapped group whose list could not be made was not run because of the one that asked for it.
        let without_list = chosen_unlisted.iter().filter(|(other, _)| other == run).filter_map(|(_, task)| plan?.task(*task));
        tasks.extend(without_list.filter_map(|task| plan?.mapped_group(task)).flat_map(|group| group.members.iter().copied()));
        behind.insert(*run, plan.map(|plan| plan.reach(&tasks, false, true)).unwrap_or_default());
    }
    let all = actions::candidates(tx, &runs, None, i64::MAX).await?;
    let not_run = all.into_iter().filter(|one| {
        one.state == TaskStateName::UpstreamFailed
            && !chosen.contains(&one.instance)
            && behind.get(&one.run).is_some_and(|tasks| tasks.contains(&one.task_index))
    });
    Ok(not_run.map(|one| one.instance).collect())
}

/// What marking a run does to an instance of it.
const fn event_of(mark: RunMark, state: TaskStateName) -> Option<TaskEvent> {
    match (mark, state) {
        (RunMark::ByItsTasks, _) | (_, TaskStateName::Removed) | (RunMark::Success, TaskStateName::Success) => None,
        (RunMark::Success, _) => Some(TaskEvent::MarkedSuccess),
        (RunMark::Failed, TaskStateName::Running | TaskStateName::Restarting) => Some(TaskEvent::MarkedFailed),
        (
            RunMark::Failed,
            TaskStateName::None
            | TaskStateName::Scheduled
            | TaskStateName::Queued
            | TaskStateName::UpForRetry
            | TaskStateName::UpForReschedule
            | TaskStateName::Deferred,
        ) => Some(TaskEvent::MarkedSkipped),
        (
            RunMark::Failed,
            TaskStateName::Success | TaskStateName::Failed | TaskStateName::UpstreamFailed | TaskStateName::Skipped,
        ) => None,
    }
}
