//! Callbacks: components that are run when something has happened to a task or to a run.
//!
//! A callback is a [`TaskPlan`](crate::plan::TaskPlan) that no task waits for and that waits for none. It gets an instance of its own
//! each time that it is called, in the transaction in which that happened, and how that ends changes nothing else.

use crate::ending::{Ending, Reason};
use crate::task::{TaskState, TaskStateName};
use serde::{Deserialize, Serialize};

/// What a callback is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackEvent {
    /// The task, or the run, succeeded.
    OnSuccess,
    /// The task, or the run, failed.
    OnFailure,
    /// A try failed, and another follows.
    OnRetry,
    /// The task asked to be left out.
    OnSkipped,
    /// A deadline has passed.
    Deadline,
}

impl CallbackEvent {
    /// All of them.
    pub const ALL: &[Self] = &[Self::OnSuccess, Self::OnFailure, Self::OnRetry, Self::OnSkipped, Self::Deadline];

    /// As it is stored and sent, and as the field of a definition is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnSuccess => "on_success",
            Self::OnFailure => "on_failure",
            Self::OnRetry => "on_retry",
            Self::OnSkipped => "on_skipped",
            Self::Deadline => "deadline",
        }
    }

    /// Reads what [`CallbackEvent::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == text)
    }
}

/// Which callbacks a task or a dag has, each by the position of its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// Called when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<i32>,
    /// Called when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<i32>,
    /// Called when a try failed and another follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_retry: Option<i32>,
    /// Called when the task asked to be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_skipped: Option<i32>,
    /// Called when its deadline has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i32>,
}

impl Hooks {
    /// The callback for an event.
    #[must_use]
    pub const fn get(&self, event: CallbackEvent) -> Option<i32> {
        match event {
            CallbackEvent::OnSuccess => self.on_success,
            CallbackEvent::OnFailure => self.on_failure,
            CallbackEvent::OnRetry => self.on_retry,
            CallbackEvent::OnSkipped => self.on_skipped,
            CallbackEvent::Deadline => self.deadline,
        }
    }

    /// Sets the callback for an event.
    pub const fn set(&mut self, event: CallbackEvent, task_index: i32) {
        let hook = match event {
            CallbackEvent::OnSuccess => &mut self.on_success,
            CallbackEvent::OnFailure => &mut self.on_failure,
            CallbackEvent::OnRetry => &mut self.on_retry,
            CallbackEvent::OnSkipped => &mut self.on_skipped,
            CallbackEvent::Deadline => &mut self.deadline,
        };
        *hook = Some(task_index);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an instance's way from one state to another is an event of. `ending` is how a try ended, if that was what happened.
///
/// What a person marks calls nothing: they know. So does a task that was left out by others, or not run because of a failure before it:
/// what happened there is told by the task in which it happened.
#[must_use]
pub fn called(before: &TaskState, after: &TaskState, ending: Option<&Ending>) -> Option<CallbackEvent> {
    if before.name() == after.name() && before.name().is_finished() {
        return None;
    }
    match after {
        TaskState::Success { reason: None, .. } => Some(CallbackEvent::OnSuccess),
        TaskState::Failed { reason, .. } if *reason != Reason::MarkedByUser => Some(CallbackEvent::OnFailure),
        TaskState::Skipped { reason: Reason::SkippedByTask, .. } => Some(CallbackEvent::OnSkipped),
        TaskState::UpForRetry { .. } | TaskState::Queued { .. } | TaskState::Scheduled { .. } => {
            matches!(ending, Some(Ending::Failure { .. })).then_some(CallbackEvent::OnRetry)
        }
        TaskState::None { .. }
        | TaskState::Running { .. }
        | TaskState::Success { .. }
        | TaskState::Failed { .. }
        | TaskState::UpForReschedule { .. }
        | TaskState::Deferred { .. }
        | TaskState::UpstreamFailed { .. }
        | TaskState::Skipped { .. }
        | TaskState::Removed { .. }
        | TaskState::Restarting { .. } => None,
    }
}

/// What a try said as it ended, where it said something.
#[must_use]
pub fn message(ending: &Ending) -> Option<&str> {
    match ending {
        Ending::Failure { message, .. } | Ending::Skip { message } => Some(message),
        Ending::Success { .. } | Ending::Reschedule { .. } | Ending::Defer { .. } => None,
    }
}

/// The word for a state, for templates: that of a task that is tried again is `up_for_retry`, however soon.
#[must_use]
pub const fn state_word(event: CallbackEvent, state: TaskStateName) -> &'static str {
    match event {
        CallbackEvent::OnRetry => TaskStateName::UpForRetry.as_str(),
        CallbackEvent::OnSuccess | CallbackEvent::OnFailure | CallbackEvent::OnSkipped | CallbackEvent::Deadline => {
            state.as_str()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use cofferdam_ids::LeaseToken;

    const LEASE: LeaseToken = LeaseToken(1);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_240_800, 0).unwrap()
    }

    fn queued(try_number: u32) -> TaskState {
        TaskState::Queued { try_number, last_lease: LEASE, since: now() }
    }

    fn failed(reason: Reason) -> TaskState {
        TaskState::Failed { try_number: 1, last_lease: LEASE, reason, at: now() }
    }

    fn skipped(reason: Reason) -> TaskState {
        TaskState::Skipped { try_number: 1, last_lease: LEASE, reason, at: now() }
    }

    fn success(reason: Option<Reason>) -> TaskState {
        TaskState::Success { try_number: 1, last_lease: LEASE, at: now(), reason }
    }

    #[test]
    fn ends_call_and_marks_do_not() {
        let called = |after: &TaskState| called(&queued(1), after, None);
        assert_eq!(called(&success(None)), Some(CallbackEvent::OnSuccess));
        assert_eq!(called(&success(Some(Reason::MarkedByUser))), None);
        assert_eq!(called(&failed(Reason::Trap)), Some(CallbackEvent::OnFailure));
        assert_eq!(called(&failed(Reason::Cancelled)), Some(CallbackEvent::OnFailure));
        assert_eq!(called(&failed(Reason::MarkedByUser)), None);
        assert_eq!(called(&skipped(Reason::SkippedByTask)), Some(CallbackEvent::OnSkipped));
        assert_eq!(called(&skipped(Reason::SkippedByRule)), None);
        assert_eq!(called(&TaskState::UpstreamFailed { try_number: 0, last_lease: LEASE, at: now() }), None);
    }

    #[test]
    fn a_failed_try_that_is_followed_by_another_is_a_retry_however_soon() {
        let ending = Ending::failure(Reason::GuestError, "no");
        let later = TaskState::UpForRetry { try_number: 1, last_lease: LEASE, reason: Reason::GuestError, due: now() };
        assert_eq!(called(&queued(1), &later, Some(&ending)), Some(CallbackEvent::OnRetry));
        assert_eq!(called(&queued(1), &queued(2), Some(&ending)), Some(CallbackEvent::OnRetry));
        assert_eq!(called(&later, &queued(2), None), None, "its time has come");
        assert_eq!(called(&queued(1), &queued(1), Some(&Ending::Reschedule { after_ms: 0 })), None);
        assert_eq!(state_word(CallbackEvent::OnRetry, TaskStateName::Queued), "up_for_retry");
    }

    #[test]
    fn each_event_has_its_hook() {
        let mut hooks = Hooks::default();
        assert!(hooks.is_empty());
        for (number, event) in (0..).zip(CallbackEvent::ALL) {
            assert_eq!(hooks.get(*event), None);
            hooks.set(*event, number);
            assert_eq!(hooks.get(*event), Some(number));
            assert_eq!(CallbackEvent::parse(event.as_str()), Some(*event));
        }
    }
}
