//! Starting an instance anew.

use super::{Effect, Outcome, Step, TaskState, Why};
use cofferdam_ids::LeaseToken;

pub(super) fn cleared(state: TaskState) -> Result<Step, Why> {
    let try_number = state.last_try_given_out();
    match state {
        TaskState::None { last_lease, .. } | TaskState::Deferred { last_lease, .. } => Ok(anew(try_number, last_lease, &[])),
        TaskState::Scheduled { last_lease, .. } => Ok(anew(try_number, last_lease, &[Effect::StopSandbox])),
        TaskState::Queued { last_lease, .. }
        | TaskState::UpForRetry { last_lease, .. }
        | TaskState::UpForReschedule { last_lease, .. } => {
            Ok(anew(try_number, last_lease, &[Effect::WithdrawFromQueue, Effect::StopSandbox]))
        }
        TaskState::Running { lease, worker, since, .. } | TaskState::Restarting { lease, worker, since, .. } => Ok(Step::to(
            TaskState::Restarting { try_number, lease, worker, since },
            [Effect::StopSandbox, Effect::ForgetTries { tries_before: try_number }],
        )),
        TaskState::Success { last_lease, .. } => Ok(reopened(try_number, last_lease, Outcome::Success)),
        TaskState::Failed { last_lease, .. } => Ok(reopened(try_number, last_lease, Outcome::Failed)),
        TaskState::UpstreamFailed { last_lease, .. } => Ok(reopened(try_number, last_lease, Outcome::UpstreamFailed)),
        TaskState::Skipped { last_lease, .. } => Ok(reopened(try_number, last_lease, Outcome::Skipped)),
        TaskState::Removed { .. } => Err(Why::Finished),
    }
}

fn reopened(try_number: u32, last_lease: LeaseToken, outcome: Outcome) -> Step {
    anew(try_number, last_lease, &[Effect::RetractOutcome(outcome), Effect::ReopenRun])
}

/// Back to the start. The try numbers go on, so that a report of an earlier try is never taken for one of a later.
fn anew(try_number: u32, last_lease: LeaseToken, first: &[Effect]) -> Step {
    let mut effects = first.to_vec();
    effects.extend([Effect::ForgetTries { tries_before: try_number }, Effect::CheckUpstreams]);
    Step { state: TaskState::None { try_number, last_lease }, effects }
}
