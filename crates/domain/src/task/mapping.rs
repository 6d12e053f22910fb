//! Instances of mapped tasks: those that have nothing to run, and those that come back when a list is longer again.

use super::event::LeftOut;
use super::{Effect, Outcome, Step, TaskState, Why};
use crate::ending::Reason;
use chrono::{DateTime, Utc};

pub(super) fn left_out(state: TaskState, why: LeftOut, now: DateTime<Utc>) -> Result<Step, Why> {
    let (try_number, last_lease) = (state.last_try_given_out(), state.last_lease());
    let mut effects = match state {
        TaskState::None { .. } | TaskState::Scheduled { .. } => vec![],
        TaskState::Queued { .. } => vec![Effect::WithdrawFromQueue],
        TaskState::Running { .. }
        | TaskState::UpForRetry { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Deferred { .. }
        | TaskState::Restarting { .. } => return Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => return Err(Why::Finished),
    };
    let state = match why {
        LeftOut::NothingToMap => TaskState::Skipped { try_number, last_lease, reason: Reason::NothingToMap, at: now },
        LeftOut::UpstreamSkipped => TaskState::Skipped { try_number, last_lease, reason: Reason::SkippedByRule, at: now },
        LeftOut::UpstreamFailed => TaskState::UpstreamFailed { try_number, last_lease, at: now },
    };
    effects.push(Effect::ReleaseDependants(match why {
        LeftOut::NothingToMap | LeftOut::UpstreamSkipped => Outcome::Skipped,
        LeftOut::UpstreamFailed => Outcome::UpstreamFailed,
    }));
    Ok(Step { state, effects })
}

pub(super) fn restored(state: TaskState) -> Result<Step, Why> {
    match state {
        TaskState::Removed { try_number, last_lease, .. } => Ok(Step::to(
            TaskState::None { try_number, last_lease },
            [
                Effect::RetractOutcome(Outcome::Removed),
                Effect::ReopenRun,
                Effect::ForgetTries { tries_before: try_number },
                Effect::CheckUpstreams,
            ],
        )),
        TaskState::None { .. }
        | TaskState::Scheduled { .. }
        | TaskState::Queued { .. }
        | TaskState::Running { .. }
        | TaskState::UpForRetry { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Deferred { .. }
        | TaskState::Restarting { .. } => Err(Why::NotInThisState),
        TaskState::Success { .. } | TaskState::Failed { .. } | TaskState::UpstreamFailed { .. } | TaskState::Skipped { .. } => {
            Err(Why::Finished)
        }
    }
}
