//! What becomes of an instance when a try ends.

use super::held::{Held, check, held};
use super::{Effect, Outcome, Rules, Step, TaskState, Why, dispatch, later};
use crate::ending::{Ending, Reason};
use crate::retry::RetryDecision;
use chrono::{DateTime, Utc};
use cofferdam_ids::LeaseToken;
use rand::Rng;

pub(super) fn ended(
    state: TaskState,
    try_number: u32,
    lease: LeaseToken,
    ending: Ending,
    rules: &Rules,
    now: DateTime<Utc>,
    rng: &mut impl Rng,
) -> Result<Step, Why> {
    match held(&state, try_number, lease)? {
        Held::Counting => Ok(counted(try_number, lease, ending, rules, now, rng)),
        Held::Cancelling => Ok(cancelled(try_number, lease, now)),
        Held::Restarting => Ok(anew(try_number, lease)),
    }
}

pub(super) fn settled(
    state: TaskState,
    try_number: u32,
    lease: LeaseToken,
    ending: Ending,
    rules: &Rules,
    now: DateTime<Utc>,
    rng: &mut impl Rng,
) -> Result<Step, Why> {
    match state {
        TaskState::Deferred { try_number: due, last_lease, .. } => {
            check(try_number, due, lease, last_lease, lease > last_lease)?;
            Ok(counted(try_number, lease, ending, rules, now, rng))
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

pub(super) fn lease_expired(
    state: TaskState,
    try_number: u32,
    lease: LeaseToken,
    rules: &Rules,
    now: DateTime<Utc>,
    rng: &mut impl Rng,
) -> Result<Step, Why> {
    Ok(match held(&state, try_number, lease)? {
        Held::Counting => failed(try_number, lease, Reason::WorkerLost, rules, now, rng),
        Held::Cancelling => cancelled(try_number, lease, now),
        Held::Restarting => anew(try_number, lease),
    })
}

pub(super) fn handed_back(
    state: TaskState,
    try_number: u32,
    lease: LeaseToken,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Step, Why> {
    Ok(match held(&state, try_number, lease)? {
        Held::Counting => dispatch::enqueue(try_number, lease, rules, now),
        Held::Cancelling => cancelled(try_number, lease, now),
        Held::Restarting => anew(try_number, lease),
    })
}

/// What a try that is believed leads to.
fn counted(try_number: u32, lease: LeaseToken, ending: Ending, rules: &Rules, now: DateTime<Utc>, rng: &mut impl Rng) -> Step {
    match ending {
        Ending::Success { output: _ } => Step::to(
            TaskState::Success { try_number, last_lease: lease, at: now, reason: None },
            [Effect::ReleaseDependants(Outcome::Success)],
        ),
        Ending::Failure { reason, message: _ } => failed(try_number, lease, reason, rules, now, rng),
        Ending::Skip { message: _ } => Step::to(
            TaskState::Skipped { try_number, last_lease: lease, reason: Reason::SkippedByTask, at: now },
            [Effect::ReleaseDependants(Outcome::Skipped)],
        ),
        Ending::Reschedule { after_ms } => {
            let due = later(now, after_ms);
            if rules.hold {
                Step::to(TaskState::Scheduled { try_number, last_lease: lease, since: now, not_before: Some(due) }, [])
            } else {
                Step::to(
                    TaskState::UpForReschedule { try_number, last_lease: lease, due },
                    [Effect::Enqueue { try_number, not_before: Some(due) }],
                )
            }
        }
        Ending::Defer { event, timeout_ms } => {
            Step::to(TaskState::Deferred { try_number, last_lease: lease, event, due: later(now, timeout_ms) }, [])
        }
    }
}

/// A try failed: another one, or the end.
fn failed(
    try_number: u32,
    last_lease: LeaseToken,
    reason: Reason,
    rules: &Rules,
    now: DateTime<Utc>,
    rng: &mut impl Rng,
) -> Step {
    match rules.retry.decide(reason, try_number.saturating_sub(rules.tries_before), rng) {
        RetryDecision::GiveUp => {
            Step::to(TaskState::Failed { try_number, last_lease, reason, at: now }, [Effect::ReleaseDependants(Outcome::Failed)])
        }
        RetryDecision::RetryAfter(delay) => {
            let next = try_number.saturating_add(1);
            let due = later(now, u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            if due <= now {
                dispatch::enqueue(next, last_lease, rules, now)
            } else if rules.hold {
                Step::to(TaskState::Scheduled { try_number: next, last_lease, since: now, not_before: Some(due) }, [])
            } else {
                Step::to(
                    TaskState::UpForRetry { try_number, last_lease, reason, due },
                    [Effect::Enqueue { try_number: next, not_before: Some(due) }],
                )
            }
        }
    }
}

/// The stopped try has ended, for good. That it may have ended with success just then does not matter: who cancels wants
/// nothing to follow from it.
fn cancelled(try_number: u32, last_lease: LeaseToken, now: DateTime<Utc>) -> Step {
    Step::to(
        TaskState::Failed { try_number, last_lease, reason: Reason::Cancelled, at: now },
        [Effect::ReleaseDependants(Outcome::Failed)],
    )
}

/// The stopped try has ended, and the instance starts anew.
fn anew(try_number: u32, last_lease: LeaseToken) -> Step {
    Step::to(TaskState::None { try_number, last_lease }, [Effect::CheckUpstreams])
}
