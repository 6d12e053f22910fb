//! What holds instances back that may run otherwise, and who lets them go on: whoever frees the room, in the same transaction.
//!
//! An instance with gates becomes `scheduled`, not `queued`, and then passes its gates, at once if it can. What waits in runs that
//! another transaction has locked is passed over here and looked at again after the commit; what is lost on the way, a reconciler
//! finds (`scheduler/attend.rs`).

use super::{Pass, Working, planned};
use crate::EngineError;
use cofferdam_domain::plan::{DagPlan, Gates, Past, TaskPlan};
use cofferdam_domain::task::{TaskEvent, TaskState, TaskStateName};
use cofferdam_ids::{TaskInstanceId, TenantId};
use cofferdam_store::Tx;
use cofferdam_store::execution::gates::{self, Held};
use cofferdam_store::execution::transition::LockedInstance;
use std::collections::{BTreeMap, HashMap};

/// How many of those that wait are looked at beyond the room that there is: some may be held back by another gate.
const BEHIND: i64 = 100;

/// Gates at which something may have changed, by name, so that they are locked in order.
#[derive(Default)]
pub(super) struct Touched {
    gates: BTreeMap<String, i64>,
    tenants: Vec<TenantId>,
}

/// Whether an instance may be queued.
enum Passage {
    Free,
    Full,
    /// The run before has not come so far.
    Early,
    /// Somebody else is at one of its gates.
    Busy,
}

/// Whether an instance in this state takes room.
const fn takes_room(state: TaskStateName) -> bool {
    matches!(
        state,
        TaskStateName::Queued
            | TaskStateName::Running
            | TaskStateName::UpForRetry
            | TaskStateName::UpForReschedule
            | TaskStateName::Restarting
    )
}

/// Whether an instance that comes from this state to the queue has to pass its gates. One that is tried again kept its room.
pub(super) const fn holds_back(previous: &TaskState) -> bool {
    matches!(previous, TaskState::None { .. } | TaskState::Deferred { .. })
}

impl Pass<'_> {
    /// The gates of an instance.
    fn gates_of(&self, locked: &LockedInstance, plan: &DagPlan, task: &TaskPlan) -> Gates {
        match self.facts.get(&locked.run) {
            Some(facts) if plan.is_gated(task) => plan.gates(locked.tenant, facts.dag, task, &facts.conf),
            _ => Gates::default(),
        }
    }

    /// Whether something may hold an instance back.
    pub(super) fn is_gated(&self, instance: TaskInstanceId) -> Result<bool, EngineError> {
        let Some(Working { locked, .. }) = self.working.get(&instance) else { return Ok(false) };
        let task = planned(&self.plans, locked)?;
        Ok(!self.gates_of(locked, &self.plans[&locked.version], task).is_empty())
    }

    fn touch(&mut self, gates: &Gates, tenant: TenantId) {
        for gate in gates.counting() {
            self.touched.gates.insert(gate.name.clone(), gate.limit.into());
        }
        if let Some((name, _)) = &gates.past {
            self.touched.gates.insert(name.clone(), 0);
        }
        self.touched.tenants.push(tenant);
    }

    /// Looks again at what holds an instance back, although nothing is known to have changed.
    pub(super) fn ask_gates(&mut self, instance: TaskInstanceId) -> Result<(), EngineError> {
        let Some(working) = self.working.get_mut(&instance) else { return Ok(()) };
        // So that it is written when it is to be looked at next.
        working.dirty = true;
        let locked = working.locked.clone();
        let gates = self.gates_of(&locked, &self.plans[&locked.version], planned(&self.plans, &locked)?);
        self.touch(&gates, locked.tenant);
        Ok(())
    }

    /// Notes what an instance's way from one state to another means for gates.
    pub(super) fn note_gates(&mut self, instance: TaskInstanceId, before: TaskStateName) {
        let Some(working) = self.working.get(&instance) else { return };
        let (after, locked) = (working.state.name(), &working.locked);
        if before == after {
            return;
        }
        let plan = std::sync::Arc::clone(&self.plans[&locked.version]);
        let Some(task) = plan.task(locked.task_index) else { return };
        let tenant = locked.tenant;
        let gates = self.gates_of(locked, &plan, task);
        let mut awaited = Vec::new();
        if matches!(after, TaskStateName::Success | TaskStateName::Skipped | TaskStateName::Removed)
            && let Some(facts) = self.facts.get(&locked.run)
        {
            awaited.extend(plan.awaited_as(facts.dag, task));
        }
        if !awaited.is_empty() {
            self.touched.gates.extend(awaited.into_iter().map(|name| (name, 0)));
            self.touched.tenants.push(tenant);
        }
        if after == TaskStateName::Scheduled && !gates.is_empty() {
            // While it waits for the run before, it stands in nobody's way at the other gates.
            let first = if gates.past.is_some() { Gates { past: gates.past.clone(), ..Gates::default() } } else { gates.clone() };
            self.held.push(Held { instance, gates: first, priority: task.priority });
            self.touch(&gates, tenant);
        } else if takes_room(before) && !takes_room(after) {
            self.touch(&Gates { past: None, ..gates }, tenant);
        }
    }

    /// Lets instances pass for which there is room now.
    pub(super) async fn admit(&mut self, tx: &mut Tx<'_>) -> Result<(), EngineError> {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            gates::note(tx, &held).await?;
        }
        let Touched { gates: touched, tenants } = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = touched.keys().cloned().collect();
        gates::lock(tx, &names).await?;
        let mut passed = gates::passed(tx, &names).await?;
        let mut wanted = Vec::new();
        let mut room = 0;
        for (name, limit) in &touched {
            let passed = *passed.entry(name.clone()).or_default();
            // Those that wait for an earlier run have no limit of their own.
            if *limit == 0 || *limit > passed {
                wanted.push((name.clone(), limit - passed + BEHIND));
                room += if *limit == 0 { BEHIND } else { limit - passed };
            }
        }
        let next = if wanted.is_empty() { Vec::new() } else { gates::next(tx, &wanted).await? };
        // No more are locked than can pass: most of the time the first ones do.
        let mut left = next.as_slice();
        while room > 0 && !left.is_empty() {
            let (chunk, later) = left.split_at(left.len().min(usize::try_from(room).unwrap_or(1)));
            left = later;
            room -= self.pass_gates(tx, chunk, &mut passed).await?;
        }
        if !self.followups.held_up.is_empty() {
            self.followups.held_up_of = tenants;
            self.followups.held_up_of.sort_unstable();
            self.followups.held_up_of.dedup();
        }
        self.write(tx).await
    }

    /// Lets those of these instances pass that nobody else has locked and for which there is room. Returns how many did, or are held up.
    async fn pass_gates(
        &mut self,
        tx: &mut Tx<'_>,
        next: &[TaskInstanceId],
        passed: &mut HashMap<String, i64>,
    ) -> Result<i64, EngineError> {
        let free = gates::lock_free(tx, next).await?;
        self.plans.extend(self.engine.plans(tx, free.iter().map(|locked| locked.version)).await?);
        self.facts.extend(self.engine.run_facts(tx, free.iter().map(|locked| locked.run)).await?);
        let mut free: HashMap<TaskInstanceId, LockedInstance> =
            free.into_iter().map(|locked| (locked.instance, locked)).collect();
        let mut moved = 0;
        for instance in next.iter().copied() {
            let Some(locked) = free.remove(&instance) else {
                moved += 1;
                self.followups.held_up.push(instance);
                continue;
            };
            let plan = std::sync::Arc::clone(&self.plans[&locked.version]);
            let Some(task) = plan.task(locked.task_index) else { continue };
            let gates = self.gates_of(&locked, &plan, task);
            match self.passage(tx, &locked, &plan, task, &gates, passed).await? {
                Passage::Early => {}
                Passage::Busy => {
                    moved += 1;
                    self.followups.held_up.push(instance);
                }
                way @ (Passage::Free | Passage::Full) => {
                    if gates.past.is_some() {
                        let counting = Gates { past: None, ..gates.clone() };
                        gates::note(tx, &[Held { instance, gates: counting, priority: task.priority }]).await?;
                    }
                    if matches!(way, Passage::Free) {
                        for gate in gates.counting() {
                            *passed.entry(gate.name.clone()).or_default() += 1;
                        }
                        self.take_up(locked);
                        self.releasing = true;
                        self.apply(instance, TaskEvent::Release, None)?;
                        self.releasing = false;
                        moved += 1;
                    }
                }
            }
        }
        Ok(moved)
    }

    /// Whether a waiting instance may be queued. Counts that were not known are added.
    async fn passage(
        &self,
        tx: &mut Tx<'_>,
        locked: &LockedInstance,
        plan: &DagPlan,
        task: &TaskPlan,
        gates: &Gates,
        passed: &mut HashMap<String, i64>,
    ) -> Result<Passage, EngineError> {
        if let (Some((name, past)), Some(facts)) = (&gates.past, self.facts.get(&locked.run)) {
            if !passed.contains_key(name) {
                if !gates::try_lock(tx, name).await? {
                    return Ok(Passage::Busy);
                }
                passed.insert(name.clone(), 0);
            }
            let below = task.downstream.iter().filter(|_| *past == Past::TaskAndDownstream).filter_map(|below| plan.task(*below));
            let tasks: Vec<String> = std::iter::once(task).chain(below).map(|task| task.task_id.to_string()).collect();
            if !gates::past_is_done(tx, facts.dag, facts.logical_date, &tasks).await? {
                return Ok(Passage::Early);
            }
        }
        let mut way = Passage::Free;
        for gate in gates.counting() {
            let count = match passed.get(&gate.name) {
                Some(count) => *count,
                None => {
                    if !gates::try_lock(tx, &gate.name).await? {
                        return Ok(Passage::Busy);
                    }
                    let count = gates::passed(tx, std::slice::from_ref(&gate.name)).await?;
                    let count = count.get(&gate.name).copied().unwrap_or(0);
                    passed.insert(gate.name.clone(), count);
                    count
                }
            };
            if count >= i64::from(gate.limit) {
                way = Passage::Full;
            }
        }
        Ok(way)
    }
}

impl Working {
    /// Whether its state or try is another than when it was last written.
    pub(super) fn has_moved(&self) -> bool {
        self.before != (self.state.name(), self.state.try_number())
    }
}
