//! From waiting for a time or an event back to the queue.

use super::{Effect, Rules, Step, TaskState, Why, dispatch};
use chrono::{DateTime, Utc};
use cofferdam_ids::LeaseToken;

pub(super) fn wake_up(state: TaskState, rules: &Rules, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::UpForRetry { try_number, last_lease, due, .. } => {
            due_now(due, now)?;
            Ok(already_enqueued(try_number.saturating_add(1), last_lease, rules, now))
        }
        TaskState::UpForReschedule { try_number, last_lease, due } => {
            due_now(due, now)?;
            Ok(already_enqueued(try_number, last_lease, rules, now))
        }
        TaskState::Deferred { try_number, last_lease, due, .. } => {
            due_now(due, now)?;
            Ok(dispatch::enqueue(try_number, last_lease, rules, now))
        }
        TaskState::None { .. }
        | TaskState::Scheduled { .. }
        | TaskState::Queued { .. }
        | TaskState::Running { .. }
        | TaskState::Restarting { .. } => Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}

pub(super) fn event_arrived(state: TaskState, name: &str, rules: &Rules, now: DateTime<Utc>) -> Result<Step, Why> {
    match state {
        TaskState::Deferred { try_number, last_lease, event, .. } => {
            if event == name {
                Ok(dispatch::enqueue(try_number, last_lease, rules, now))
            } else {
                Err(Why::OtherEvent)
            }
        }
        TaskState::None { .. }
        | TaskState::Scheduled { .. }
        | TaskState::Queued { .. }
        | TaskState::Running { .. }
        | TaskState::UpForRetry { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Restarting { .. } => Err(Why::NotInThisState),
        TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. } => Err(Why::Finished),
    }
}

fn due_now(due: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Why> {
    if due <= now { Ok(()) } else { Err(Why::NotDue) }
}

/// The try has been in the queue since it was put off, and the queue lets it go by itself. It is put there again in case
/// the queue has lost it.
fn already_enqueued(try_number: u32, last_lease: LeaseToken, rules: &Rules, now: DateTime<Utc>) -> Step {
    if rules.hold {
        Step::to(TaskState::Scheduled { try_number, last_lease, since: now, not_before: None }, [Effect::WithdrawFromQueue])
    } else {
        dispatch::enqueue(try_number, last_lease, rules, now)
    }
}
