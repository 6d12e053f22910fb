//! Stopping an instance for good.

use super::{Effect, Outcome, Step, TaskState, Why};
use crate::ending::Reason;
use chrono::{DateTime, Utc};
use cofferdam_ids::LeaseToken;

pub(super) fn cancel_requested(state: TaskState, now: DateTime<Utc>) -> Result<Step, Why> {
    let try_number = state.last_try_given_out();
    match state {
        TaskState::None { last_lease, .. } | TaskState::Deferred { last_lease, .. } => {
            Ok(skipped(try_number, last_lease, now, &[]))
        }
        // A worker may have it already, whatever is recorded: `scheduled` may have been withdrawn too late.
        TaskState::Scheduled { last_lease, .. } => Ok(skipped(try_number, last_lease, now, &[Effect::StopSandbox])),
        TaskState::Queued { last_lease, .. }
        | TaskState::UpForRetry { last_lease, .. }
        | TaskState::UpForReschedule { last_lease, .. } => {
            Ok(skipped(try_number, last_lease, now, &[Effect::WithdrawFromQueue, Effect::StopSandbox]))
        }
        TaskState::Running { lease, worker, since, .. } | TaskState::Restarting { lease, worker, since, .. } => {
            Ok(Step::to(TaskState::Running { try_number, lease, worker, since, cancel_requested: true }, [Effect::StopSandbox]))
        }
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}

fn skipped(try_number: u32, last_lease: LeaseToken, now: DateTime<Utc>, first: &[Effect]) -> Step {
    let mut effects = first.to_vec();
    effects.push(Effect::ReleaseDependants(Outcome::Skipped));
    Step { state: TaskState::Skipped { try_number, last_lease, reason: Reason::Cancelled, at: now }, effects }
}
