//! What is to happen, said as plainly as possible: no counters, no database, everything looked at anew after each step.

use super::case::{Case, Ends, Role};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName as State;
use cofferdam_domain::trigger_rule::TriggerRule as Rule;
use serde_json::json;
use std::collections::BTreeSet;

/// An instance of a task: the task, and the position in its list; nought for a task that is not mapped.
pub type Instance = (usize, usize);

/// A run of a dag. An instance that may run is `Queued`, whether there is room for it or not. A mapped task has one instance until it
/// may run.
pub struct Interpreter<'a> {
    case: &'a Case,
    pub states: Vec<Vec<State>>,
    tries: Vec<Vec<u32>>,
}

enum Judgement {
    Wait,
    Run,
    Skip,
    UpstreamFailed,
}

impl<'a> Interpreter<'a> {
    pub fn start(case: &'a Case) -> Self {
        let count = case.tasks.len();
        let mut run = Self { case, states: vec![vec![State::None]; count], tries: vec![vec![0]; count] };
        run.settle();
        run
    }

    /// The instances that may run now.
    pub fn ready(&self) -> BTreeSet<Instance> {
        let instances = self.states.iter().enumerate();
        let instances =
            instances.flat_map(|(task, states)| states.iter().enumerate().map(move |(one, state)| ((task, one), *state)));
        instances.filter(|(_, state)| *state == State::Queued).map(|(instance, _)| instance).collect()
    }

    /// How the try of an instance ends that runs now.
    pub fn ends(&self, (task, one): Instance) -> &Ends {
        self.case.tasks[task].ends(one, self.tries[task][one])
    }

    /// Tries of these instances end at once, each as the case has it.
    pub fn end(&mut self, instances: &[Instance]) {
        let mut left_out = BTreeSet::new();
        for (task, one) in instances {
            let (state, skips) = self.ended((*task, *one));
            if state == State::Queued {
                self.tries[*task][*one] += 1;
            }
            self.states[*task][*one] = state;
            left_out.extend(skips);
        }
        for task in left_out {
            for state in self.states[task].iter_mut().filter(|state| **state == State::None) {
                *state = State::Skipped;
            }
        }
        self.settle();
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

    /// Asks every task that waits, all at once, until nothing moves any more.
    fn settle(&mut self) {
        loop {
            let waiting = (0..self.states.len()).filter(|task| self.states[*task] == [State::None]);
            let moves: Vec<(usize, State)> = waiting
                .filter_map(|task| match self.judge(task) {
                    Judgement::Wait => None,
                    Judgement::Run => Some((task, State::Queued)),
                    Judgement::Skip => Some((task, State::Skipped)),
                    Judgement::UpstreamFailed => Some((task, State::UpstreamFailed)),
                })
                .collect();
            if moves.is_empty() {
                return;
            }
            for (task, state) in moves {
                let instances = if state == State::Queued { self.case.tasks[task].items.unwrap_or(1) } else { 1 };
                self.states[task] = vec![state; instances];
                self.tries[task] = vec![u32::from(state == State::Queued); instances];
            }
        }
    }

    fn judge(&self, task: usize) -> Judgement {
        let above = (0..self.states.len()).filter(|other| self.case.tasks[task].waits_for(*other));
        let above: Vec<State> = above.flat_map(|other| self.states[other].iter().copied()).collect();
        let any = |states: &[State]| above.iter().any(|state| states.contains(state));
        let done = above.iter().all(|state| state.is_finished());
        let when_done = |judgement: Judgement| if done { judgement } else { Judgement::Wait };
        if above.is_empty() {
            return Judgement::Run;
        }
        if let Role::Teardown { .. } = self.case.tasks[task].role {
            return when_done(self.judge_teardown(task));
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

    fn judge_teardown(&self, task: usize) -> Judgement {
        let is_setup = |other: &usize| self.case.tasks[task].waits_for(*other) && self.case.tasks[*other].role == Role::Setup;
        let setups: Vec<State> =
            (0..self.states.len()).filter(is_setup).flat_map(|setup| self.states[setup].iter().copied()).collect();
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
