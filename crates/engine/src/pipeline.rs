//! The one way in which task instances change.
//!
//! [`Engine::change`] takes instances that are locked and the events that happen to them. The state machine decides; what it
//! decided is written; outcomes are counted for the tasks that wait, whose trigger rules are asked in turn, until nothing
//! more follows; runs without unfinished instances are closed. All in the caller's transaction. What has to be told to others
//! is returned as [`Followups`], for [`Engine::dispatch`] after the commit.

mod callbacks;
mod deadlines;
mod decisions;
mod gates;
mod groups;
mod letters;

pub(crate) use callbacks::Call;

use crate::commands::send_asset_event::MAX_EXTRA;
use crate::record::{Report, XComWrite};
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::asset::Produced;
use cofferdam_domain::dead_letter::DeadLetterKind;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::plan::{DagPlan, TaskPlan};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::{Effect, Rules, Step, TaskEvent, TaskState, TaskStateName, Why};
use cofferdam_domain::trigger_rule::Verdict;
use cofferdam_ids::{DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId, WorkerId, XComKey};
use cofferdam_store::Tx;
use cofferdam_store::execution::deadlines as stored_deadlines;
use cofferdam_store::execution::facts::{RunFacts, XComValue};
use cofferdam_store::execution::gates::Held;
use cofferdam_store::execution::transition::{
    self, Changes, ClosedRun, Counted, InstanceWrite, LockedInstance, NewArtifact, NewRendered, NewTry, NewXCom,
};
use cofferdam_store::execution::triggers::{self, NewAssetEvent};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is held back is looked at after this many times [`queued_check`](crate::EngineConfig::queued_check).
const HELD_CHECK: i32 = 6;
/// The most characters of a try's message that are kept.
const MESSAGE_CHARS: usize = 8_000;

/// An event that happens to an instance.
pub(crate) struct Change {
    pub(crate) instance: TaskInstanceId,
    pub(crate) event: TaskEvent,
    /// What the worker told beside the event.
    pub(crate) report: Option<Report>,
    /// What the try was given, where something was filled in.
    pub(crate) rendered: Option<String>,
}

impl Change {
    pub(crate) const fn new(instance: TaskInstanceId, event: TaskEvent) -> Self {
        Self { instance, event, report: None, rendered: None }
    }
}

/// A try that goes into the queue after the commit.
#[derive(Clone, Debug)]
pub(crate) struct ToEnqueue {
    pub(crate) tenant: TenantId,
    pub(crate) run: RunKey,
    pub(crate) version: DagVersionId,
    pub(crate) instance: TaskInstanceId,
    pub(crate) task_index: i32,
    pub(crate) map_index: i32,
    pub(crate) try_number: u32,
    pub(crate) last_lease: LeaseToken,
    pub(crate) queued_at: DateTime<Utc>,
    pub(crate) not_before: Option<DateTime<Utc>>,
    /// Whether the instances of its mapped task have just been compared with the list.
    pub(crate) compared: bool,
}

/// A state that an instance got, for screens.
pub(crate) struct Changed {
    pub(crate) tenant: TenantId,
    pub(crate) run: RunKey,
    pub(crate) task_id: TaskId,
    pub(crate) map_index: i32,
    pub(crate) state: TaskStateName,
    pub(crate) reason: Option<Reason>,
    pub(crate) try_number: u32,
}

/// An event that the state machine did not accept.
pub(crate) struct Refusal {
    pub(crate) instance: TaskInstanceId,
    pub(crate) why: Why,
}

/// What is to be told after the commit.
#[derive(Default)]
pub(crate) struct Followups {
    pub(crate) enqueue: Vec<ToEnqueue>,
    pub(crate) withdraw: Vec<TaskInstanceId>,
    pub(crate) stop: Vec<TaskInstanceId>,
    pub(crate) changed: Vec<Changed>,
    pub(crate) closed: Vec<(TenantId, ClosedRun)>,
    pub(crate) refused: Vec<Refusal>,
    /// Whether a task came to its end that may have waited for a run, which is then to be cancelled.
    pub(crate) abandons: bool,
    /// Whether assets changed that dags wait for.
    pub(crate) produced: bool,
    /// The kinds of dead letters that were filed.
    pub(crate) letters: Vec<DeadLetterKind>,
    /// Instances that could perhaps pass their gates, but that another transaction had locked; and whose they are.
    pub(crate) held_up: Vec<TaskInstanceId>,
    pub(crate) held_up_of: Vec<TenantId>,
}

struct Working {
    locked: LockedInstance,
    before: (TaskStateName, u32),
    state: TaskState,
    tries_before: u32,
    started_at: Option<DateTime<Utc>>,
    worker: Option<WorkerId>,
    dirty: bool,
}

impl Working {
    fn new(locked: LockedInstance) -> Self {
        Self {
            before: (locked.state.name(), locked.state.try_number()),
            state: locked.state.clone(),
            tries_before: locked.tries_before,
            started_at: None,
            worker: None,
            dirty: false,
            locked,
        }
    }
}

/// The state of one pass through the pipeline.
struct Pass<'a> {
    engine: &'a Engine,
    plans: HashMap<DagVersionId, Arc<DagPlan>>,
    facts: HashMap<RunKey, Arc<RunFacts>>,
    now: DateTime<Utc>,
    /// In order of the id, so that writes are.
    working: BTreeMap<TaskInstanceId, Working>,
    tries: Vec<NewTry>,
    xcoms: BTreeMap<(RunKey, TaskId, i32, cofferdam_ids::XComKey), NewXCom>,
    artifacts: BTreeMap<(RunKey, TaskId, i32, cofferdam_ids::ArtifactName), NewArtifact>,
    produced: Vec<NewAssetEvent>,
    rendered: Vec<NewRendered>,
    counted: BTreeMap<(RunKey, i32, Option<i32>), Counted>,
    finished: BTreeMap<RunKey, i32>,
    /// How many instances of each run are not finished, without those in `finished`.
    unfinished: HashMap<RunKey, i32>,
    reopen: Vec<RunKey>,
    /// Tasks whose deadlines are counted anew.
    renewed: BTreeSet<(RunKey, i32)>,
    /// Tasks that results have left out, at which index if not at all, and why.
    left_out: Vec<(RunKey, i32, Option<i32>, Reason)>,
    check: Vec<TaskInstanceId>,
    /// Tasks of mapped groups to whose lists something has happened.
    check_tasks: BTreeSet<(RunKey, i32)>,
    /// What becomes of dead letters.
    letters: letters::Letters,
    /// Gates at which something may have changed.
    touched: gates::Touched,
    /// Instances that are held back from now on.
    held: Vec<Held>,
    /// Whether what is released has passed its gates.
    releasing: bool,
    /// What callbacks are called for.
    calls: Vec<Call>,
    /// Whether the callbacks of runs that end are called.
    tells_of_runs: bool,
    followups: Followups,
}

impl Engine {
    /// Lets events happen to locked instances, with all that follows. See the module.
    pub(crate) async fn change(
        &self,
        tx: &mut Tx<'_>,
        locked: Vec<LockedInstance>,
        changes: Vec<Change>,
        now: DateTime<Utc>,
    ) -> Result<Followups, EngineError> {
        self.change_told(tx, locked, (changes, Vec::new()), now, true).await
    }

    /// The same, and then asks the trigger rules of some of the locked instances.
    pub(crate) async fn change_and_ask(
        &self,
        tx: &mut Tx<'_>,
        locked: Vec<LockedInstance>,
        changes: Vec<Change>,
        ask: Vec<TaskInstanceId>,
        now: DateTime<Utc>,
    ) -> Result<Followups, EngineError> {
        self.change_told(tx, locked, (changes, ask), now, true).await
    }

    /// The same; `tells_of_runs` says whether the callbacks of runs that end are called.
    pub(crate) async fn change_told(
        &self,
        tx: &mut Tx<'_>,
        locked: Vec<LockedInstance>,
        (changes, ask): (Vec<Change>, Vec<TaskInstanceId>),
        now: DateTime<Utc>,
        tells_of_runs: bool,
    ) -> Result<Followups, EngineError> {
        let plans = self.plans(tx, locked.iter().map(|instance| instance.version)).await?;
        // Screens are told by the names of dag and run, which this process may not have met.
        let facts = self.run_facts(tx, locked.iter().map(|instance| instance.run)).await?;
        let mut pass = Pass {
            engine: self,
            plans,
            facts,
            now,
            unfinished: locked.iter().map(|instance| (instance.run, instance.run_unfinished)).collect(),
            working: locked.into_iter().map(|locked| (locked.instance, Working::new(locked))).collect(),
            tries: Vec::new(),
            xcoms: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            produced: Vec::new(),
            rendered: Vec::new(),
            counted: BTreeMap::new(),
            finished: BTreeMap::new(),
            reopen: Vec::new(),
            renewed: BTreeSet::new(),
            left_out: Vec::new(),
            check: ask,
            check_tasks: BTreeSet::new(),
            letters: letters::Letters::default(),
            touched: gates::Touched::default(),
            held: Vec::new(),
            releasing: false,
            calls: Vec::new(),
            tells_of_runs,
            followups: Followups::default(),
        };
        for change in changes {
            let try_number = change.event.try_number();
            if pass.apply(change.instance, change.event, change.report)?
                && let (Some(rendered), Some(try_number)) = (change.rendered, try_number)
                && let Some(working) = pass.working.get(&change.instance)
            {
                let (instance, tenant) = (change.instance, working.locked.tenant);
                pass.rendered.push(NewRendered { instance, try_number, tenant, rendered });
            }
        }
        pass.write(tx).await?;
        pass.cascade(tx).await?;
        pass.admit(tx).await?;
        pass.file_letters(tx).await?;
        pass.followups.produced = triggers::produced(tx, &pass.produced, now).await?;
        pass.close(tx).await?;
        pass.call_back(tx).await?;
        Ok(pass.followups)
    }
}

impl Pass<'_> {
    /// Lets one event happen; what follows from it is noted. Returns whether it could happen.
    fn apply(&mut self, instance: TaskInstanceId, event: TaskEvent, mut report: Option<Report>) -> Result<bool, EngineError> {
        let gated = self.is_gated(instance)?;
        let Some(working) = self.working.get_mut(&instance) else {
            // Deleted with its run: for whoever reports, it is finished.
            self.followups.refused.push(Refusal { instance, why: Why::Finished });
            return Ok(false);
        };
        let task = planned(&self.plans, &working.locked)?;
        let previous = working.state.clone();
        if gated && event == TaskEvent::Release && !self.releasing {
            self.ask_gates(instance)?;
            return Ok(true);
        }
        let hold = gated && gates::holds_back(&previous);
        let rules = Rules { retry: task.retry.clone(), tries_before: working.tries_before, hold };
        let (event, left_out) = match task.flow.decides {
            None => (event, None),
            Some(_) => decisions::decide(&self.plans[&working.locked.version], task.task_index, event, report.as_ref()),
        };
        let renewed = deadlines::is_renewed(task, &event).then_some((working.locked.run, task.task_index));
        let by = letters::By::of(&event);
        let ended = ended(&event);
        let now = self.now;
        let Step { state, effects } = match self.engine.rng.with(|rng| previous.clone().apply(event, &rules, now, rng)) {
            Ok(step) => step,
            Err(refused) => {
                self.followups.refused.push(Refusal { instance, why: refused.why });
                return Ok(false);
            }
        };
        if !task.hooks.is_empty() {
            let ended = ended.as_ref().map(|(try_number, _, ending)| (*try_number, ending));
            self.calls.extend(Call::of_task(task, &working.locked, (&previous, &state), ended));
        }
        if let Some((try_number, lease, ending)) = ended {
            let receipt = report.as_ref().map_or_else(Receipt::default, |report| report.receipt);
            let started_at = report.as_ref().map(|report| report.started_at).or(working.locked.started_at);
            let ended_at = report.as_ref().map_or(now, |report| report.ended_at);
            let worker = report.as_ref().and_then(|report| report.worker).or(match previous {
                TaskState::Running { worker, .. } | TaskState::Restarting { worker, .. } => Some(worker),
                _ => None,
            });
            let (kind, reason, message) = describe(&ending);
            let undecodable = report.as_mut().and_then(|report| report.undecodable.take());
            // That a callback failed is told where callbacks are listed; nobody runs it again.
            if !task.is_callback {
                self.letters.note_failure(instance, try_number, &state, (reason, message.as_deref()), undecodable);
            }
            self.tries.push(NewTry {
                instance,
                try_number,
                tenant: working.locked.tenant,
                ending: kind,
                reason,
                message,
                worker,
                lease,
                queued_at: working.locked.queued_at.or(started_at).unwrap_or(now).min(ended_at),
                started_at,
                ended_at,
                receipt,
            });
            working.started_at = started_at;
            working.worker = worker;
            let (xcoms, artifacts) = report.map(|report| (report.xcoms, report.artifacts)).unwrap_or_default();
            if matches!(state, TaskState::Success { .. }) {
                self.produced.extend(asset_events(task, &working.locked, &xcoms));
            }
            // Files of a failed try are kept too: they may well say why.
            for written in artifacts {
                let artifact = NewArtifact {
                    tenant: working.locked.tenant,
                    run: working.locked.run,
                    task_id: working.locked.task_id.clone(),
                    map_index: working.locked.map_index,
                    try_number,
                    written,
                };
                let name = artifact.written.artifact.name.clone();
                self.artifacts.insert((artifact.run, artifact.task_id.clone(), artifact.map_index, name), artifact);
            }
            // What a person said is kept also when it was no.
            if !matches!(ending, Ending::Failure { reason, .. } if reason != Reason::Rejected) {
                for xcom in xcoms {
                    let address =
                        (working.locked.run, working.locked.task_id.clone(), working.locked.map_index, xcom.key.clone());
                    let xcom = NewXCom {
                        tenant: working.locked.tenant,
                        run: working.locked.run,
                        task_id: working.locked.task_id.clone(),
                        map_index: working.locked.map_index,
                        key: xcom.key,
                        value: xcom.value,
                        size_bytes: xcom.size_bytes,
                    };
                    // A key that was pushed twice has the later value.
                    self.xcoms.insert(address, xcom);
                }
            }
        }
        working.dirty |= state != previous;
        self.renewed.extend(renewed);
        self.letters.note_change(instance, by, &previous, &state);
        working.state = state;
        if let Some(left_out) = left_out.filter(|_| working.state.name() == TaskStateName::Success) {
            let (plan, locked, reason) = (&self.plans[&working.locked.version], &working.locked, decisions::reason(&left_out));
            let index = task.flow.mapped.as_ref().map(|_| locked.map_index);
            // In a mapped group it is decided for the tasks of the group, index by index.
            let meant = left_out.tasks().iter().filter(|left| index.is_none() || plan.goes_by_index(task, **left));
            self.left_out.extend(meant.map(|left| (locked.run, *left, index, reason)));
        }
        self.note_gates(instance, previous.name());
        for effect in effects {
            self.note(instance, effect)?;
        }
        Ok(true)
    }

    /// Notes what has to be done.
    fn note(&mut self, instance: TaskInstanceId, effect: Effect) -> Result<(), EngineError> {
        let Some(working) = self.working.get_mut(&instance) else { return Ok(()) };
        let locked = &working.locked;
        if matches!(effect, Effect::ReleaseDependants(_) | Effect::RetractOutcome(_) | Effect::ReopenRun)
            && planned(&self.plans, locked)?.is_callback
        {
            // Its run goes on, or has ended, without it.
            return Ok(());
        }
        match effect {
            Effect::Enqueue { try_number, not_before } => self.followups.enqueue.push(ToEnqueue {
                tenant: locked.tenant,
                run: locked.run,
                version: locked.version,
                instance,
                task_index: locked.task_index,
                map_index: locked.map_index,
                try_number,
                last_lease: working.state.last_lease(),
                queued_at: self.now,
                not_before,
                compared: false,
            }),
            Effect::WithdrawFromQueue => self.followups.withdraw.push(instance),
            Effect::StopSandbox => self.followups.stop.push(instance),
            Effect::ReleaseDependants(outcome) => {
                *self.finished.entry(locked.run).or_default() += 1;
                let (plan, task) = (&self.plans[&locked.version], planned(&self.plans, locked)?);
                for key in groups::waiting_for(plan, task, locked) {
                    self.counted.entry(key).or_insert_with(|| groups::counted(key)).add.record(outcome);
                }
                self.check_tasks.extend(plan.mapped_over(locked.task_index).map(|member| (locked.run, member)));
            }
            Effect::RetractOutcome(outcome) => {
                *self.finished.entry(locked.run).or_default() -= 1;
                let (plan, task) = (&self.plans[&locked.version], planned(&self.plans, locked)?);
                for key in groups::waiting_for(plan, task, locked) {
                    self.counted.entry(key).or_insert_with(|| groups::counted(key)).add.retract(outcome);
                }
            }
            Effect::CheckUpstreams => self.check.push(instance),
            Effect::ForgetTries { tries_before } => working.tries_before = tries_before,
            Effect::ReopenRun => self.reopen.push(locked.run),
        }
        Ok(())
    }

    /// Writes what changed, with the tries that ended and what they left.
    async fn write(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let mut writes = Vec::new();
        for (instance, working) in &mut self.working {
            if !working.dirty {
                continue;
            }
            working.dirty = false;
            if working.state.is_finished() && planned(&self.plans, &working.locked)?.work.component().is_none() {
                self.followups.abandons = true;
            }
            writes.push(InstanceWrite {
                instance: *instance,
                before: working.before,
                state: working.state.clone(),
                tries_before: working.tries_before,
                started_at: working.started_at,
                worker: working.worker,
                attend_at: self.engine.attend_at(&working.state, self.now),
            });
            let moved = working.has_moved();
            working.before = (working.state.name(), working.state.try_number());
            if !moved || planned(&self.plans, &working.locked)?.is_callback {
                continue;
            }
            self.followups.changed.push(Changed {
                tenant: working.locked.tenant,
                run: working.locked.run,
                task_id: working.locked.task_id.clone(),
                map_index: working.locked.map_index,
                state: working.state.name(),
                reason: working.state.reason(),
                try_number: working.state.try_number(),
            });
        }
        let changes = Changes {
            instances: writes,
            tries: std::mem::take(&mut self.tries),
            xcoms: std::mem::take(&mut self.xcoms).into_values().collect(),
            artifacts: std::mem::take(&mut self.artifacts).into_values().collect(),
            rendered: std::mem::take(&mut self.rendered),
        };
        Ok(transition::write(tx, &changes, self.now).await?)
    }

    /// Counts outcomes and asks trigger rules, until nothing more follows.
    async fn cascade(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        loop {
            self.leave_out(tx).await?;
            let counted = std::mem::take(&mut self.counted).into_values();
            let (by_index, counted): (Vec<Counted>, Vec<Counted>) = counted.partition(|counted| counted.map_index.is_some());
            let mut waiting: Vec<TaskInstanceId> = std::mem::take(&mut self.check);
            let going_on = if counted.is_empty() { Vec::new() } else { self.take_going_on() };
            let mut found = transition::count(tx, &counted, &going_on).await?;
            found.extend(self.count_by_index(tx, &by_index).await?);
            for locked in found {
                waiting.push(locked.instance);
                self.take_up(locked);
            }
            if waiting.is_empty() {
                return Ok(());
            }
            waiting.sort_unstable();
            waiting.dedup();
            let setups = self.setups(tx, &waiting).await?;
            let early = self.too_early(tx, &waiting).await?;
            for instance in waiting {
                let Some(working) = self.working.get(&instance) else { continue };
                if working.locked.run_state == RunStateName::Queued {
                    // Asked again when the run is admitted.
                    continue;
                }
                let task = planned(&self.plans, &working.locked)?;
                let mut verdict = task.verdict(&working.locked.upstream);
                if let (Verdict::Ready, Some(teardown)) = (verdict, &task.flow.teardown) {
                    verdict =
                        decisions::teardown(&self.plans[&working.locked.version], (task, teardown), &working.locked, &setups);
                }
                if verdict == Verdict::Ready && early.contains(&instance) {
                    verdict = Verdict::Wait;
                }
                self.apply(instance, TaskEvent::UpstreamsDone(verdict), None)?;
            }
            self.write(tx).await?;
        }
    }

    /// Takes up an instance that was read again, or for the first time.
    fn take_up(&mut self, locked: LockedInstance) {
        match self.working.get_mut(&locked.instance) {
            Some(working) => working.locked.upstream = locked.upstream,
            None => {
                self.working.insert(locked.instance, Working::new(locked));
            }
        }
    }

    /// Takes the counts of finished instances out of those runs that have unfinished ones left whatever follows.
    fn take_going_on(&mut self) -> Vec<(RunKey, i32)> {
        let unfinished = &mut self.unfinished;
        self.finished
            .extract_if(.., |run, count| {
                let Some(left) = unfinished.get_mut(run).filter(|left| *count > 0 && **left > *count) else { return false };
                *left -= *count;
                true
            })
            .collect()
    }

    /// Settles the counters of the runs, and closes those that are finished.
    async fn close(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let reopened = transition::reopen(tx, &self.reopen, self.now).await?;
        self.renew_deadlines(tx, &reopened).await?;
        // A count of nought is an outcome that was replaced by another: the run may end differently now.
        let finished: Vec<(RunKey, i32)> = std::mem::take(&mut self.finished).into_iter().collect();
        let closed = transition::settle(tx, &finished, self.now).await?;
        let mut ended_with_deadlines = Vec::new();
        for run in closed {
            if let Some(working) = self.working.values().find(|working| working.locked.run == run.run) {
                let plan = &self.plans[&working.locked.version];
                if self.tells_of_runs {
                    self.calls.extend(Call::of_run(plan, &working.locked, &run));
                }
                if plan.has_deadlines() {
                    ended_with_deadlines.push(run.run);
                }
                self.followups.closed.push((working.locked.tenant, run));
            }
        }
        if !ended_with_deadlines.is_empty() {
            stored_deadlines::forget(tx, &ended_with_deadlines, self.now).await?;
        }
        Ok(())
    }
}

impl Engine {
    /// When a reconciler has to look at an instance in this state.
    pub(crate) fn attend_at(&self, state: &TaskState, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match state {
            TaskState::Queued { .. } => Some(now + self.config.queued_check),
            // Whoever makes room lets it go on; this is for what is lost on the way.
            TaskState::Scheduled { not_before, .. } => Some(not_before.unwrap_or(now + self.config.queued_check * HELD_CHECK)),
            TaskState::Running { .. } | TaskState::Restarting { .. } => Some(now + self.config.running_check),
            TaskState::UpForRetry { due, .. } | TaskState::UpForReschedule { due, .. } | TaskState::Deferred { due, .. } => {
                Some(*due)
            }
            TaskState::None { .. }
            | TaskState::Success { .. }
            | TaskState::Failed { .. }
            | TaskState::UpstreamFailed { .. }
            | TaskState::Skipped { .. }
            | TaskState::Removed { .. } => None,
        }
    }
}

/// The task of an instance in the plan that its run is pinned to.
pub(crate) fn planned<'a>(
    plans: &'a HashMap<DagVersionId, Arc<DagPlan>>,
    locked: &LockedInstance,
) -> Result<&'a TaskPlan, EngineError> {
    plans
        .get(&locked.version)
        .and_then(|plan| plan.task(locked.task_index))
        .ok_or_else(|| EngineError::NoSuchTask { version: locked.version, task_index: locked.task_index })
}

/// What a task that succeeded has produced. An XCom that is too large for an event is left out of it.
fn asset_events(task: &TaskPlan, locked: &LockedInstance, xcoms: &[XComWrite]) -> Vec<NewAssetEvent> {
    let extra = |key: &XComKey| {
        let written = xcoms.iter().rev().find(|xcom| xcom.key == *key)?;
        match &written.value {
            XComValue::Inline(text) if text.len() <= MAX_EXTRA => serde_json::from_str(text).ok(),
            XComValue::Inline(_) | XComValue::Object(_) => None,
        }
    };
    let event = |produced: &Produced| NewAssetEvent {
        tenant: locked.tenant,
        uri: produced.asset.clone(),
        extra: produced.extra.as_ref().and_then(&extra),
        run: locked.run,
        task_id: locked.task_id.clone(),
        map_index: locked.map_index,
    };
    task.produces.iter().map(event).collect()
}

/// The try that an event ends, if it ends one.
fn ended(event: &TaskEvent) -> Option<(u32, LeaseToken, Ending)> {
    match event {
        TaskEvent::Ended { try_number, lease, ending } | TaskEvent::Settled { try_number, lease, ending } => {
            Some((*try_number, *lease, ending.clone()))
        }
        TaskEvent::LeaseExpired { try_number, lease } => {
            let message = "the worker did not report before its lease ran out: it was killed, cut off, or stood still";
            Some((*try_number, *lease, Ending::failure(Reason::WorkerLost, message)))
        }
        _ => None,
    }
}

/// An ending as it is stored with the try.
fn describe(ending: &Ending) -> (&'static str, Option<Reason>, Option<String>) {
    match ending {
        Ending::Success { .. } => ("success", None, None),
        Ending::Failure { reason, message } => ("failure", Some(*reason), Some(storable(message))),
        Ending::Skip { message } => ("skip", Some(Reason::SkippedByTask), Some(storable(message))),
        Ending::Reschedule { after_ms } => ("reschedule", None, Some(format!("again in {after_ms} ms"))),
        Ending::Defer { event, timeout_ms } => {
            ("defer", None, Some(storable(&format!("until the event '{event}', at most {timeout_ms} ms"))))
        }
    }
}

/// A text of a guest as PostgreSQL takes it: bounded, and without NUL.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MESSAGE_CHARS).collect()
}
