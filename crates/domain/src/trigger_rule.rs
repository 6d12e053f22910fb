//! When a task may start, from how its upstream tasks ended.
//!
//! The rules and their early verdicts are those of Airflow 2.10
//! (<https://airflow.apache.org/docs/apache-airflow/2.10.5/core-concepts/dags.html#trigger-rules>).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a task needs of its upstream tasks.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum TriggerRule { $($(#[$doc])* $name,)* }

        impl TriggerRule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The rule as it is written and stored.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Reads what [`TriggerRule::as_str`] wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$name),)* _ => None } }
        }
    };
}

rules! {
    /// All upstream tasks succeeded. The default.
    #[default]
    AllSuccess = "all_success";
    /// All upstream tasks failed (themselves, or because of one above them).
    AllFailed = "all_failed";
    /// All upstream tasks finished, however.
    AllDone = "all_done";
    /// All upstream tasks were skipped.
    AllSkipped = "all_skipped";
    /// One upstream task succeeded; the others are not waited for.
    OneSuccess = "one_success";
    /// One upstream task failed; the others are not waited for.
    OneFailed = "one_failed";
    /// One upstream task succeeded or failed; the others are not waited for.
    OneDone = "one_done";
    /// No upstream task failed: each succeeded or was skipped.
    NoneFailed = "none_failed";
    /// No upstream task failed, and at least one succeeded.
    NoneFailedMinOneSuccess = "none_failed_min_one_success";
    /// No upstream task was skipped: each succeeded or failed.
    NoneSkipped = "none_skipped";
    /// Nothing: the task starts with its run.
    Always = "always";
}

impl fmt::Display for TriggerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a finished task counts for those downstream of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It failed.
    Failed,
    /// It was not run because one above it failed.
    UpstreamFailed,
    /// It was skipped.
    Skipped,
    /// It left the dag: it counts for nothing, and nothing waits for it.
    Removed,
}

/// How many of a task's upstream tasks there are, and how those that finished ended.
///
/// A removed upstream is in none of the numbers, `total` included: a task that has left the dag is nobody's upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UpstreamCounts {
    /// All upstream tasks.
    pub total: i32,
    /// Those that succeeded.
    pub success: i32,
    /// Those that failed.
    pub failed: i32,
    /// Those that were not run because one above them failed.
    pub upstream_failed: i32,
    /// Those that were skipped.
    pub skipped: i32,
}

impl UpstreamCounts {
    /// The counts of a task with `total` upstream tasks, none of which has finished.
    #[must_use]
    pub const fn of(total: i32) -> Self {
        Self { total, success: 0, failed: 0, upstream_failed: 0, skipped: 0 }
    }

    /// How many have finished.
    #[must_use]
    pub const fn done(&self) -> i32 {
        self.success + self.failed + self.upstream_failed + self.skipped
    }

    /// Whether all have finished.
    #[must_use]
    pub const fn all_done(&self) -> bool {
        self.done() >= self.total
    }

    /// Counts an upstream task that finished.
    pub const fn record(&mut self, outcome: Outcome) {
        self.add(outcome, 1);
    }

    /// Takes back what [`UpstreamCounts::record`] counted: the upstream task was cleared or marked otherwise.
    pub const fn retract(&mut self, outcome: Outcome) {
        self.add(outcome, -1);
    }

    const fn add(&mut self, outcome: Outcome, by: i32) {
        match outcome {
            Outcome::Success => self.success += by,
            Outcome::Failed => self.failed += by,
            Outcome::UpstreamFailed => self.upstream_failed += by,
            Outcome::Skipped => self.skipped += by,
            Outcome::Removed => self.total -= by,
        }
    }
}

/// What becomes of a task that waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It waits for more upstream tasks to finish.
    Wait,
    /// It may run.
    Ready,
    /// It is skipped.
    Skip,
    /// It is not run, because of a failure upstream.
    UpstreamFailed,
}

impl TriggerRule {
    /// Judges a task by its upstream tasks. The verdict comes as early as it can: a failed upstream task settles
    /// `all_success` while others still run, and a successful one settles `one_success`.
    ///
    /// A task without upstream tasks is ready. Once a verdict is not [`Verdict::Wait`], no further finished upstream
    /// task turns it back into that; and when all have finished, it never is.
    #[must_use]
    pub const fn verdict(self, counts: &UpstreamCounts) -> Verdict {
        let UpstreamCounts { total, success, failed, upstream_failed, skipped } = *counts;
        if total <= 0 {
            return Verdict::Ready;
        }
        let all_done = counts.all_done();
        let any_failed = failed > 0 || upstream_failed > 0;
        match self {
            Self::AllSuccess => {
                if any_failed {
                    Verdict::UpstreamFailed
                } else if skipped > 0 {
                    Verdict::Skip
                } else {
                    ready_when(all_done)
                }
            }
            Self::AllFailed => {
                if success > 0 || skipped > 0 {
                    Verdict::Skip
                } else {
                    ready_when(all_done)
                }
            }
            Self::AllDone => ready_when(all_done),
            Self::AllSkipped => {
                if success > 0 || any_failed {
                    Verdict::Skip
                } else {
                    ready_when(all_done)
                }
            }
            Self::OneSuccess => {
                if success > 0 {
                    Verdict::Ready
                } else if !all_done {
                    Verdict::Wait
                } else if any_failed {
                    Verdict::UpstreamFailed
                } else {
                    Verdict::Skip
                }
            }
            Self::OneFailed => {
                if any_failed {
                    Verdict::Ready
                } else if all_done {
                    Verdict::Skip
                } else {
                    Verdict::Wait
                }
            }
            // An upstream task that was itself not run has done nothing: Airflow counts success and failure only.
            Self::OneDone => {
                if success > 0 || failed > 0 {
                    Verdict::Ready
                } else if all_done {
                    Verdict::Skip
                } else {
                    Verdict::Wait
                }
            }
            Self::NoneFailed => {
                if any_failed {
                    Verdict::UpstreamFailed
                } else {
                    ready_when(all_done)
                }
            }
            Self::NoneFailedMinOneSuccess => {
                if any_failed {
                    Verdict::UpstreamFailed
                } else if !all_done {
                    Verdict::Wait
                } else if success > 0 {
                    Verdict::Ready
                } else {
                    Verdict::Skip
                }
            }
            Self::NoneSkipped => {
                if skipped > 0 {
                    Verdict::Skip
                } else {
                    ready_when(all_done)
                }
            }
            Self::Always => Verdict::Ready,
        }
    }
}

const fn ready_when(done: bool) -> Verdict {
    if done { Verdict::Ready } else { Verdict::Wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINISHED: [Outcome; 4] = [Outcome::Success, Outcome::Failed, Outcome::UpstreamFailed, Outcome::Skipped];

    /// All counts of up to five upstream tasks.
    fn all_counts() -> impl Iterator<Item = UpstreamCounts> {
        (0..=5).flat_map(|total| {
            let mut found = Vec::new();
            for success in 0..=total {
                for failed in 0..=total - success {
                    for upstream_failed in 0..=total - success - failed {
                        for skipped in 0..=total - success - failed - upstream_failed {
                            found.push(UpstreamCounts { total, success, failed, upstream_failed, skipped });
                        }
                    }
                }
            }
            found
        })
    }

    fn counts(total: i32, success: i32, failed: i32, upstream_failed: i32, skipped: i32) -> UpstreamCounts {
        UpstreamCounts { total, success, failed, upstream_failed, skipped }
    }

    #[test]
    fn names_read_back() {
        for rule in TriggerRule::ALL {
            assert_eq!(TriggerRule::parse(rule.as_str()), Some(*rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), serde_json::json!(rule.as_str()));
        }
        assert_eq!(TriggerRule::parse("all"), None);
    }

    #[test]
    fn a_verdict_never_goes_back_to_waiting() {
        for rule in TriggerRule::ALL {
            for before in all_counts().filter(|c| !c.all_done() && rule.verdict(c) != Verdict::Wait) {
                for outcome in FINISHED {
                    let mut after = before;
                    after.record(outcome);
                    assert_ne!(rule.verdict(&after), Verdict::Wait, "{rule} {before:?} then {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn a_verdict_of_ready_stays_for_rules_that_do_not_wait_for_all() {
        for rule in [TriggerRule::OneSuccess, TriggerRule::OneFailed, TriggerRule::OneDone, TriggerRule::Always] {
            for before in all_counts().filter(|c| !c.all_done() && rule.verdict(c) == Verdict::Ready) {
                for outcome in FINISHED {
                    let mut after = before;
                    after.record(outcome);
                    assert_eq!(rule.verdict(&after), Verdict::Ready, "{rule} {before:?} then {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_waits_when_all_have_finished() {
        for rule in TriggerRule::ALL {
            for counts in all_counts().filter(UpstreamCounts::all_done) {
                assert_ne!(rule.verdict(&counts), Verdict::Wait, "{rule} {counts:?}");
            }
        }
    }

    #[test]
    fn a_waiting_task_would_not_be_misjudged_had_it_been_told_earlier() {
        // Early verdicts agree with the last one on whether the task runs, whatever the rest does. Airflow's own
        // exception: `all_success` can go from skip to upstream_failed, neither of which runs.
        for rule in TriggerRule::ALL {
            for before in all_counts().filter(|c| !c.all_done() && rule.verdict(c) != Verdict::Wait) {
                let runs = rule.verdict(&before) == Verdict::Ready;
                for outcome in FINISHED {
                    let mut last = before;
                    while !last.all_done() {
                        last.record(outcome);
                    }
                    assert_eq!(rule.verdict(&last) == Verdict::Ready, runs, "{rule} {before:?} then all {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn without_upstream_tasks_every_rule_is_ready() {
        for rule in TriggerRule::ALL {
            assert_eq!(rule.verdict(&UpstreamCounts::of(0)), Verdict::Ready);
        }
    }

    #[test]
    fn verdicts_are_those_of_airflow() {
        use TriggerRule as T;
        use Verdict::{Ready, Skip, UpstreamFailed, Wait};
        // (rule, total/success/failed/upstream_failed/skipped, verdict)
        let table = [
            (T::AllSuccess, counts(3, 2, 0, 0, 0), Wait),
            (T::AllSuccess, counts(3, 3, 0, 0, 0), Ready),
            (T::AllSuccess, counts(3, 1, 1, 0, 0), UpstreamFailed),
            (T::AllSuccess, counts(3, 1, 0, 1, 1), UpstreamFailed),
            (T::AllSuccess, counts(3, 1, 0, 0, 1), Skip),
            (T::AllFailed, counts(2, 0, 1, 1, 0), Ready),
            (T::AllFailed, counts(2, 0, 1, 0, 0), Wait),
            (T::AllFailed, counts(2, 1, 0, 0, 0), Skip),
            (T::AllFailed, counts(2, 0, 0, 0, 1), Skip),
            (T::AllDone, counts(4, 1, 1, 1, 1), Ready),
            (T::AllDone, counts(4, 1, 1, 1, 0), Wait),
            (T::AllSkipped, counts(2, 0, 0, 0, 2), Ready),
            (T::AllSkipped, counts(2, 0, 0, 0, 1), Wait),
            (T::AllSkipped, counts(2, 0, 0, 1, 0), Skip),
            (T::OneSuccess, counts(3, 1, 1, 0, 0), Ready),
            (T::OneSuccess, counts(3, 0, 2, 0, 0), Wait),
            (T::OneSuccess, counts(2, 0, 0, 0, 2), Skip),
            (T::OneSuccess, counts(2, 0, 1, 0, 1), UpstreamFailed),
            (T::OneFailed, counts(3, 1, 0, 1, 0), Ready),
            (T::OneFailed, counts(3, 2, 0, 0, 1), Skip),
            (T::OneFailed, counts(3, 2, 0, 0, 0), Wait),
            (T::OneDone, counts(2, 0, 1, 0, 0), Ready),
            (T::OneDone, counts(2, 0, 0, 1, 0), Wait),
            (T::OneDone, counts(2, 0, 0, 1, 1), Skip),
            (T::NoneFailed, counts(2, 0, 0, 0, 2), Ready),
            (T::NoneFailed, counts(2, 1, 0, 0, 0), Wait),
            (T::NoneFailed, counts(2, 0, 1, 0, 0), UpstreamFailed),
            (T::NoneFailedMinOneSuccess, counts(2, 1, 0, 0, 1), Ready),
            (T::NoneFailedMinOneSuccess, counts(2, 0, 0, 0, 2), Skip),
            (T::NoneFailedMinOneSuccess, counts(2, 1, 0, 1, 0), UpstreamFailed),
            (T::NoneSkipped, counts(2, 1, 1, 0, 0), Ready),
            (T::NoneSkipped, counts(2, 0, 1, 0, 0), Wait),
            (T::NoneSkipped, counts(2, 0, 0, 0, 1), Skip),
            (T::Always, counts(2, 0, 0, 0, 0), Ready),
        ];
        for (rule, counts, expected) in table {
            assert_eq!(rule.verdict(&counts), expected, "{rule} {counts:?}");
        }
    }

    #[test]
    fn a_removed_upstream_is_not_waited_for_and_can_be_put_back() {
        let mut counts = UpstreamCounts::of(2);
        counts.record(Outcome::Success);
        counts.record(Outcome::Removed);
        assert_eq!(TriggerRule::AllSuccess.verdict(&counts), Verdict::Ready);
        counts.retract(Outcome::Removed);
        assert_eq!(TriggerRule::AllSuccess.verdict(&counts), Verdict::Wait);
    }
}
