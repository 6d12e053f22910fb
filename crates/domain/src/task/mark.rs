//! States set by a person, and leaving the dag.

use super::{Effect, Outcome, Step, TaskState, Why};
use crate::ending::Reason;
use chrono::{DateTime, Utc};
use cofferdam_ids::LeaseToken;

/// What a person says that an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Success,
    Failed,
    Skipped,
}

impl Mark {
    const fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::Failed => Outcome::Failed,
            Self::Skipped => Outcome::Skipped,
        }
    }

    const fn state(self, try_number: u32, last_lease: LeaseToken, at: DateTime<Utc>) -> TaskState {
        match self {
            Self::Success => TaskState::Success { try_number, last_lease, at, reason: Some(Reason::MarkedByUser) },
            Self::Failed => TaskState::Failed { try_number, last_lease, reason: Reason::MarkedByUser, at },
            Self::Skipped => TaskState::Skipped { try_number, last_lease, reason: Reason::MarkedByUser, at },
        }
    }
}

pub(super) fn marked(state: TaskState, mark: Mark, now: DateTime<Utc>) -> Result<Step, Why> {
    let mut effects = match &state {
        TaskState::None { .. } | TaskState::Deferred { .. } => vec![],
        TaskState::Scheduled { .. } | TaskState::Running { .. } | TaskState::Restarting { .. } => vec![Effect::StopSandbox],
        TaskState::Queued { .. } | TaskState::UpForRetry { .. } | TaskState::UpForReschedule { .. } => {
            vec![Effect::WithdrawFromQueue, Effect::StopSandbox]
        }
        TaskState::Success { .. } => vec![Effect::RetractOutcome(Outcome::Success)],
        TaskState::Failed { .. } => vec![Effect::RetractOutcome(Outcome::Failed)],
        TaskState::UpstreamFailed { .. } => vec![Effect::RetractOutcome(Outcome::UpstreamFailed)],
        TaskState::Skipped { .. } => vec![Effect::RetractOutcome(Outcome::Skipped)],
        TaskState::Removed { .. } => return Err(Why::Finished),
    };
    effects.push(Effect::ReleaseDependants(mark.outcome()));
    Ok(Step { state: mark.state(state.last_try_given_out(), state.last_lease(), now), effects })
}

pub(super) fn removed(state: TaskState, now: DateTime<Utc>) -> Result<Step, Why> {
    let mut effects = match &state {
        TaskState::None { .. } | TaskState::Deferred { .. } => vec![],
        TaskState::Scheduled { .. } | TaskState::Running { .. } | TaskState::Restarting { .. } => vec![Effect::StopSandbox],
        TaskState::Queued { .. } | TaskState::UpForRetry { .. } | TaskState::UpForReschedule { .. } => {
            vec![Effect::WithdrawFromQueue, Effect::StopSandbox]
        }
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => return Err(Why::Finished),
    };
    effects.push(Effect::ReleaseDependants(Outcome::Removed));
    let (try_number, last_lease) = (state.last_try_given_out(), state.last_lease());
    Ok(Step { state: TaskState::Removed { try_number, last_lease, at: now }, effects })
}
