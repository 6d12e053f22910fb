//! What is to happen, said as plainly as possible: no counters, no database, everything looked at anew after each step.
//!
//! The instances of what is mapped are made in the background, in an order that nobody knows. Where that matters, since a list turns out to
//! be empty or none, there are several ways for a run to go on, and the interpreter follows all of them.

use super::case::{Case, Ends, Over, Role};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName as State;
use cofferdam_domain::trigger_rule::TriggerRule as Rule;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An instance of a task: the task, and the position in its list; nought for a task that is not mapped.
pub type Instance = (usize, usize);

/// A run of a dag. An instance that may run is `Queued`, whether there is room for it or not. What is mapped has one instance until its
/// list has been looked at.
#[derive(Clone)]
pub struct Interpreter<'a> {
    case: &'a Case,
    pub states: Vec<Vec<State>>,
    tries: Vec<Vec<u32>>,
    /// What instances returned that succeeded.
    returned: Vec<Vec<Option<Value>>>,
    /// Whether the list of a task, or of its group, has been looked at.
    listed: Vec<bool>,
}

enum Judgement {
    Wait,
    Run,
    Skip,
    UpstreamFailed,
}

/// What becomes of something when its list is looked at.
#[derive(Clone, Copy, PartialEq)]
enum Listed {
    Items(usize),
    Nothing(State),
    /// There is something else in its place.
    NoList,
}

impl<'a> Interpreter<'a> {
    /// The ways for a run to begin.
    pub fn start(case: &'a Case) -> Vec<Self> {
        let count = case.tasks.len();
        let run = Self {
            case,
            states: vec![vec![State::None]; count],
            tries: vec![vec![0]; count],
            returned: vec![vec![None]; count],
            listed: case.tasks.iter().map(|task| task.over.is_none() && task.group.is_none()).collect(),
        };
        run.settled()
    }

    /// The instances that may run now.
    pub fn ready(&self) -> BTreeSet<Instance> {
        let instances = self.states.iter().enumerate();
        let instances =
            instances.flat_map(|(task, states)| states.iter().enumerate().map(move |(one, state)| ((task, one), *state)));
        instances.filter(|(_, state)| *state == State::Queued).map(|(instance, _)| instance).collect()
    }

    /// How the try of an instance ends that runs now.
    pub fn ends(&self, (task, one): Instance) -> &'a Ends {
        self.case.tasks[task].ends(one, self.tries[task][one])
    }

    /// Tries of these instances end at once, each as the case has it. Returns the ways for the run to go on.
    pub fn end(mut self, instances: &[Instance]) -> Vec<Self> {
        let mut left_out = BTreeSet::new();
        for (task, one) in instances {
            let (state, skips) = self.ended((*task, *one));
            if state == State::Success {
                self.returned[*task][*one] = Some(match self.ends((*task, *one)) {
                    Ends::Returns(value) => value.clone(),
                    Ends::Chooses(_) | Ends::FailsForNow | Ends::FailsForGood | Ends::Skips => json!(null),
                });
            }
            if state == State::Queued {
                self.tries[*task][*one] += 1;
            }
            self.states[*task][*one] = state;
            // In a mapped group it is decided for the group, index by index.
            let by_index = self.case.tasks[*task].group.is_some();
            let meant = skips.into_iter().filter(|other| !by_index || self.beside(*task, *other));
            left_out.extend(meant.map(|other| (other, by_index.then_some(*one))));
        }
        for (task, index) in left_out {
            for (one, state) in self.states[task].iter_mut().enumerate() {
                if *state == State::None && index.is_none_or(|index| index == one) {
                    *state = State::Skipped;
                }
            }
        }
        self.settled()
    }

    /// How the run has ended, if nothing is left to do.
    pub fn run_state(&self) -> Option<RunStateName> {
        if self.states.iter().flatten().any(|state| !state.is_finished()) {
            return None;
        }
        let counts = |task: &usize| !matches!(self.case.tasks[*task].role, Role::Teardown { fail_run: false, .. });
        let decides = |task: &usize| counts(task) && self.below(*task).iter().all(|below| !counts(below));
        let failed = |task: usize| self.states[task].iter().any(|state| matches!(state, State::Failed | State::UpstreamFailed));
        let run_failed = (0..self.states.len()).filter(decides).any(failed);
        Some(if run_failed { RunStateName::Failed } else { RunStateName::Success })
    }

    /// Whether two tasks are in the same mapped group, and see each other index by index.
    fn beside(&self, task: usize, other: usize) -> bool {
        let group = |task: usize| self.case.tasks[task].group;
        group(task).is_some() && group(task) == group(other)
    }

    fn ended(&self, instance: Instance) -> (State, BTreeSet<usize>) {
        let (task, one) = instance;
        let definition = &self.case.tasks[task];
        let none = BTreeSet::new();
        let again = if self.tries[task][one] <= definition.retries { State::Queued } else { State::Failed };
        match self.ends(instance) {
            Ends::FailsForNow => (again, none),
            Ends::FailsForGood => (State::Failed, none),
            Ends::Skips => (State::Skipped, none),
            Ends::Chooses(chosen) if chosen.iter().any(|one| !self.below(task).contains(one)) => (again, none),
            Ends::Chooses(chosen) => {
                let kept: BTreeSet<usize> =
                    chosen.iter().flat_map(|one| self.all_below(*one)).chain(chosen.iter().copied()).collect();
                (State::Success, self.steerable(self.below(task)).difference(&kept).copied().collect())
            }
            Ends::Returns(value) => {
                let falsy = [json!(null), json!(false), json!(0), json!(""), json!([])].contains(value);
                let skips = match definition.role {
                    Role::ShortCircuit { ignore_trigger_rules: true } if falsy => self.steerable(self.all_below(task)),
                    Role::ShortCircuit { ignore_trigger_rules: false } if falsy => self.steerable(self.below(task)),
                    _ => none,
                };
                (State::Success, skips)
            }
        }
    }

    /// Asks every task that waits, all at once, until nothing moves any more, and then looks at the lists of what may run: at each of them
    /// first, where that matters.
    fn settled(mut self) -> Vec<Self> {
        loop {
            self.settle();
            let mut unlisted: Vec<usize> = (0..self.states.len()).collect();
            unlisted.retain(|task| !self.listed[*task] && self.states[*task] == [State::Queued]);
            let Some(harmless) = unlisted.iter().find(|task| matches!(self.list_of(**task), Listed::Items(_))) else {
                let ways = unlisted.into_iter().map(|task| {
                    let mut way = self.clone();
                    way.look_at_list(task);
                    way.settled()
                });
                let mut ways: Vec<Self> = ways.flatten().collect();
                if ways.is_empty() {
                    return vec![self];
                }
                let mut seen = Vec::new();
                ways.retain(|way| {
                    let new = !seen.contains(&way.states);
                    seen.push(way.states.clone());
                    new
                });
                return ways;
            };
            self.look_at_list(*harmless);
        }
    }

    /// What a task, or its group, is mapped over.
    fn over(&self, task: usize) -> Option<&'a Over> {
        let task = &self.case.tasks[task];
        task.over.as_ref().or_else(|| Some(&self.case.groups[task.group?]))
    }

    fn list_of(&self, task: usize) -> Listed {
        let source = match self.over(task) {
            None => return Listed::Items(1),
            Some(Over::Items(items)) => return Listed::Items(*items),
            Some(Over::Results(source)) => *source,
        };
        let mapped = self.case.tasks[source].over.is_some() || self.case.tasks[source].group.is_some();
        if mapped && self.listed[source] && self.has_indexes(source) {
            return match self.states[source].iter().filter(|state| **state == State::Success).count() {
                0 => Listed::Nothing(State::Skipped),
                results => Listed::Items(results),
            };
        }
        match (self.states[source][0], &self.returned[source][0]) {
            (State::Failed | State::UpstreamFailed, _) => Listed::Nothing(State::UpstreamFailed),
            (State::Skipped, _) => Listed::Nothing(State::Skipped),
            (_, Some(Value::Array(items))) if !items.is_empty() => Listed::Items(items.len()),
            (_, Some(Value::Object(fields))) if !fields.is_empty() => Listed::Items(fields.len()),
            (_, Some(Value::Array(_) | Value::Object(_))) => Listed::Nothing(State::Skipped),
            _ => Listed::NoList,
        }
    }

    /// Whether the list of a mapped task, or of its group, had items.
    fn has_indexes(&self, task: usize) -> bool {
        !self.tries[task].is_empty()
    }

    fn look_at_list(&mut self, task: usize) {
        let list = self.list_of(task);
        let all: Vec<usize> = match self.case.tasks[task].group {
            None => vec![task],
            Some(_) => (0..self.states.len()).filter(|other| self.beside(task, *other)).collect(),
        };
        for member in all {
            self.listed[member] = true;
            let state = self.states[member][0];
            match list {
                Listed::Items(items) => {
                    self.states[member] = vec![state; items];
                    self.tries[member] = vec![u32::from(state == State::Queued); items];
                    self.returned[member] = vec![None; items];
                }
                // Without items there are no indexes.
                Listed::Nothing(_) | Listed::NoList => self.tries[member].clear(),
            }
            let end = match list {
                Listed::Items(_) => continue,
                Listed::Nothing(end) => end,
                Listed::NoList if member == task => State::Failed,
                Listed::NoList => State::UpstreamFailed,
            };
            if !state.is_finished() {
                self.states[member][0] = end;
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let instances = self.states.iter().enumerate();
            let waiting = instances.flat_map(|(task, states)| (0..states.len()).map(move |one| (task, one)));
            let waiting = waiting.filter(|(task, one)| self.states[*task][*one] == State::None);
            let moves: Vec<(Instance, State)> = waiting
                .filter_map(|instance| match self.judge(instance) {
                    Judgement::Wait => None,
                    Judgement::Run => Some((instance, State::Queued)),
                    Judgement::Skip => Some((instance, State::Skipped)),
                    Judgement::UpstreamFailed => Some((instance, State::UpstreamFailed)),
                })
                .collect();
            if moves.is_empty() {
                return;
            }
            for ((task, one), state) in moves {
                self.states[task][one] = state;
                self.tries[task][one] = u32::from(state == State::Queued);
            }
        }
    }

    fn judge(&self, (task, one): Instance) -> Judgement {
        let judgement = self.judge_by_rule((task, one));
        let source = match self.over(task) {
            Some(Over::Results(source)) => *source,
            _ => return judgement,
        };
        let wait = if self.case.tasks[task].over.is_some() {
            // It waits for all that it waits for.
            !self.above((task, one)).iter().all(|state| state.is_finished())
        } else {
            !self.states[source].iter().all(|state| state.is_finished())
        };
        if wait && matches!(judgement, Judgement::Run) { Judgement::Wait } else { judgement }
    }

    /// The states of the instances that an instance waits for.
    fn above(&self, (task, one): Instance) -> Vec<State> {
        let above = (0..self.states.len()).filter(|other| self.case.tasks[task].waits_for(*other));
        above.flat_map(|other| self.seen_by((task, one), other)).collect()
    }

    /// Of another task, the states that an instance sees.
    fn seen_by(&self, (task, one): Instance, other: usize) -> Vec<State> {
        if self.beside(task, other) { vec![self.states[other][one]] } else { self.states[other].clone() }
    }

    fn judge_by_rule(&self, instance: Instance) -> Judgement {
        let task = instance.0;
        let above = self.above(instance);
        let any = |states: &[State]| above.iter().any(|state| states.contains(state));
        let done = above.iter().all(|state| state.is_finished());
        let when_done = |judgement: Judgement| if done { judgement } else { Judgement::Wait };
        if above.is_empty() {
            return Judgement::Run;
        }
        if let Role::Teardown { .. } = self.case.tasks[task].role {
            return when_done(self.judge_teardown(instance));
        }
        let (success, skipped) = (any(&[State::Success]), any(&[State::Skipped]));
        let failed = any(&[State::Failed, State::UpstreamFailed]);
        match self.case.tasks[task].rule {
            Rule::Always => Judgement::Run,
            Rule::AllDone => when_done(Judgement::Run),
            Rule::AllSuccess if failed => Judgement::UpstreamFailed,
            Rule::AllSuccess if skipped => Judgement::Skip,
            Rule::AllFailed if success || skipped => Judgement::Skip,
            Rule::AllSkipped if success || failed => Judgement::Skip,
            Rule::NoneFailed | Rule::NoneFailedMinOneSuccess if failed => Judgement::UpstreamFailed,
            Rule::NoneSkipped if skipped => Judgement::Skip,
            Rule::NoneFailedMinOneSuccess if !success => when_done(Judgement::Skip),
            Rule::AllSuccess
            | Rule::AllFailed
            | Rule::AllSkipped
            | Rule::NoneFailed
            | Rule::NoneFailedMinOneSuccess
            | Rule::NoneSkipped => when_done(Judgement::Run),
            Rule::OneSuccess if success => Judgement::Run,
            Rule::OneSuccess if failed => when_done(Judgement::UpstreamFailed),
            Rule::OneFailed if failed => Judgement::Run,
            // A task that was not run because of another has not been "done".
            Rule::OneDone if any(&[State::Success, State::Failed]) => Judgement::Run,
            Rule::OneSuccess | Rule::OneFailed | Rule::OneDone => when_done(Judgement::Skip),
        }
    }

    fn judge_teardown(&self, instance: Instance) -> Judgement {
        let task = instance.0;
        let is_setup = |other: &usize| self.case.tasks[task].waits_for(*other) && self.case.tasks[*other].role == Role::Setup;
        let setups: Vec<State> =
            (0..self.states.len()).filter(is_setup).flat_map(|setup| self.seen_by(instance, setup)).collect();
        if setups.is_empty() || setups.contains(&State::Success) {
            Judgement::Run
        } else if setups.iter().all(|state| *state == State::Skipped) {
            Judgement::Skip
        } else {
            Judgement::UpstreamFailed
        }
    }

    fn below(&self, task: usize) -> BTreeSet<usize> {
        (0..self.states.len()).filter(|other| self.case.tasks[*other].waits_for(task)).collect()
    }

    fn all_below(&self, task: usize) -> BTreeSet<usize> {
        self.below(task).into_iter().flat_map(|below| self.all_below(below).into_iter().chain([below])).collect()
    }

    /// Those that results can skip.
    fn steerable(&self, tasks: BTreeSet<usize>) -> BTreeSet<usize> {
        tasks.into_iter().filter(|task| !matches!(self.case.tasks[*task].role, Role::Teardown { .. })).collect()
    }
}
