//! What is to happen, said as plainly as possible: no counters, no database, everything looked at anew after each step.

use super::case::{Case, Ends, Role, name};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName as State;
use cofferdam_domain::trigger_rule::TriggerRule as Rule;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A run of a dag. A task that may run is `Queued`, whether there is room for it or not.
pub struct Interpreter<'a> {
    case: &'a Case,
    pub states: Vec<State>,
    pub tries: Vec<u32>,
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
        let mut run = Self { case, states: vec![State::None; count], tries: vec![0; count] };
        run.settle();
        run
    }

    /// The tasks that may run now.
    pub fn ready(&self) -> BTreeSet<usize> {
        (0..self.states.len()).filter(|task| self.states[*task] == State::Queued).collect()
    }

    /// Tries of these tasks end at once, each as the case has it.
    pub fn end(&mut self, tasks: &[usize]) {
        let mut left_out = BTreeSet::new();
        for task in tasks {
            let (state, skips) = self.ended(*task);
            if state == State::Queued {
                self.tries[*task] += 1;
            }
            self.states[*task] = state;
            left_out.extend(skips);
        }
        for task in left_out {
            if self.states[task] == State::None {
                self.states[task] = State::Skipped;
            }
        }
        self.settle();
    }

    /// The result of a task's try as JSON, when it has one.
    pub fn result(&self, task: usize) -> Option<Value> {
        match self.case.tasks[task].ends(self.tries[task]) {
            Ends::Returns(value) => Some(value.clone()),
            Ends::Chooses(tasks) => Some(json!(tasks.iter().map(|task| name(*task)).collect::<Vec<_>>())),
            Ends::FailsForNow | Ends::FailsForGood | Ends::Skips => None,
        }
    }

    /// How the run has ended, if nothing is left to do.
    pub fn run_state(&self) -> Option<RunStateName> {
        if self.states.iter().any(|state| !state.is_finished()) {
            return None;
        }
        let counts = |task: &usize| !matches!(self.case.tasks[*task].role, Role::Teardown { fail_run: false, .. });
        let decides = |task: &usize| counts(task) && self.below(*task).iter().all(|below| !counts(below));
        let failed = |task: &usize| matches!(self.states[*task], State::Failed | State::UpstreamFailed);
        let run_failed = (0..self.states.len()).filter(decides).any(|task| failed(&task));
        Some(if run_failed { RunStateName::Failed } else { RunStateName::Success })
    }

    fn ended(&self, task: usize) -> (State, BTreeSet<usize>) {
        let definition = &self.case.tasks[task];
        let none = BTreeSet::new();
        let again = if self.tries[task] <= definition.retries { State::Queued } else { State::Failed };
        match definition.ends(self.tries[task]) {
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
            let waiting = (0..self.states.len()).filter(|task| self.states[*task] == State::None);
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
                self.states[task] = state;
                if state == State::Queued {
                    self.tries[task] = 1;
                }
            }
        }
    }

    fn judge(&self, task: usize) -> Judgement {
        let above: Vec<State> = (0..self.states.len())
            .filter(|other| self.case.tasks[task].waits_for(*other))
            .map(|other| self.states[other])
            .collect();
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
        let setups: Vec<State> = (0..self.states.len()).filter(is_setup).map(|setup| self.states[setup]).collect();
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
