//! From waiting for others to the queue.

use super::{Effect, Outcome, Rules, Step, TaskState, Why, dispatch};
use crate::ending::Reason;
use crate::trigger_rule::Verdict;
use chrono::{DateTime, Utc};

pub(super) fn upstreams_done(state: TaskState, verdict: Verdict, rules: &Rules, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::None { try_number, last_lease } => Ok(match verdict {
            Verdict::Wait => Step::to(state, []),
            Verdict::Ready => dispatch::enqueue(try_number.saturating_add(1), last_lease, rules, now),
            Verdict::Skip => Step::to(
                TaskState::Skipped { try_number, last_lease, reason: Reason::SkippedByRule, at: now },
                [Effect::ReleaseDependants(Outcome::Skipped)],
            ),
            Verdict::UpstreamFailed => Step::to(
                TaskState::UpstreamFailed { try_number, last_lease, at: now },
                [Effect::ReleaseDependants(Outcome::UpstreamFailed)],
            ),
        }),
        TaskState::Scheduled { .. }
        | TaskState::Queued { .. }
        | TaskState::Running { .. }
        | TaskState::UpForRetry { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Deferred { .. }
        | TaskState::Restarting { .. } => Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}

pub(super) fn bypassed(state: TaskState, reason: Reason, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::None { try_number, last_lease } => Ok(Step::to(
            TaskState::Skipped { try_number, last_lease, reason, at: now },
            [Effect::ReleaseDependants(Outcome::Skipped)],
        )),
        TaskState::Scheduled { .. }
        | TaskState::Queued { .. }
        | TaskState::Running { .. }
        | TaskState::UpForRetry { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Deferred { .. }
        | TaskState::Restarting { .. } => Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}
