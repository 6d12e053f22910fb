//! Between the queue and a worker.

use super::held::{Held, held};
use super::{Effect, Rules, Step, TaskState, Why};
use chrono::{DateTime, Utc};
use cofferdam_ids::{LeaseToken, WorkerId};

/// Queues a try that may run now, or holds it.
pub(super) fn enqueue(try_number: u32, last_lease: LeaseToken, rules: &Rules, now: DateTime<Utc>) -> Step {
    if rules.hold {
        Step::to(TaskState::Scheduled { try_number, last_lease, since: now, not_before: None }, [])
    } else {
        Step::to(TaskState::Queued { try_number, last_lease, since: now }, [Effect::Enqueue { try_number, not_before: None }])
    }
}

pub(super) fn hold(state: TaskState, now: DateTime<Utc>) -> Result<Step, Why> {
    let (try_number, last_lease, not_before) = match state {
        TaskState::Queued { try_number, last_lease, .. } => (try_number, last_lease, None),
        TaskState::UpForRetry { try_number, last_lease, due, .. } => (try_number.saturating_add(1), last_lease, Some(due)),
        TaskState::UpForReschedule { try_number, last_lease, due } => (try_number, last_lease, Some(due)),
        TaskState::None { .. }
        | TaskState::Scheduled { .. }
        | TaskState::Running { .. }
        | TaskState::Deferred { .. }
        | TaskState::Restarting { .. } => return Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => return Err(Why::Finished),
    };
    Ok(Step::to(TaskState::Scheduled { try_number, last_lease, since: now, not_before }, [Effect::WithdrawFromQueue]))
}

pub(super) fn release(state: TaskState, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::Scheduled { try_number, last_lease, not_before, .. } => {
            let not_before = not_before.filter(|time| *time > now);
            Ok(Step::to(TaskState::Queued { try_number, last_lease, since: now }, [Effect::Enqueue { try_number, not_before }]))
        }
        TaskState::None { .. }
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

pub(super) fn enqueued(state: TaskState, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::Queued { try_number, last_lease, .. } => Ok(Step::to(
            TaskState::Queued { try_number, last_lease, since: now },
            [Effect::Enqueue { try_number, not_before: None }],
        )),
        TaskState::None { .. }
        | TaskState::Scheduled { .. }
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

pub(super) fn started(
    state: TaskState,
    try_number: u32,
    lease: LeaseToken,
    worker: WorkerId,
    now: DateTime<Utc>,
) -> Result<Step, Why> {
    let about = held(&state, try_number, lease)?;
    if lease == state.last_lease() {
        // The same report once more.
        return Ok(Step::to(state, []));
    }
    Ok(match about {
        Held::Counting => Step::to(TaskState::Running { try_number, lease, worker, since: now, cancel_requested: false }, []),
        // The worker that took over has not been told to stop.
        Held::Cancelling => {
            Step::to(TaskState::Running { try_number, lease, worker, since: now, cancel_requested: true }, [Effect::StopSandbox])
        }
        Held::Restarting => Step::to(TaskState::Restarting { try_number, lease, worker, since: now }, [Effect::StopSandbox]),
    })
}
