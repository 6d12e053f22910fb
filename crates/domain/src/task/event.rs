//! What can happen to a task instance, and what follows from it.

use super::{Outcome, TaskState};
use crate::ending::{Ending, Reason};
use crate::retry::RetryPolicy;
use crate::trigger_rule::Verdict;
use chrono::{DateTime, Utc};
use cofferdam_ids::{LeaseToken, WorkerId};

/// What can happen to a task instance. States that an event does not name refuse it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEvent {
    /// An upstream task finished (or there is none), and the trigger rule was asked.
    /// Accepted in `none`: stays, or becomes `queued` (`scheduled` under [`Rules::hold`]), `skipped`, `upstream_failed`.
    UpstreamsDone(Verdict),
    /// A task above it decided that it is left out, whatever its trigger rule says.
    /// Accepted in `none`: becomes `skipped`.
    Bypassed(Reason),
    /// The dag was paused, or a limit was reached.
    /// Accepted in `queued`, `up_for_retry`, `up_for_reschedule`: becomes `scheduled`.
    Hold,
    /// The dag goes on, or there is room again.
    /// Accepted in `scheduled`: becomes `queued`.
    Release,
    /// The instance was looked for in the queue and is not there (the queue has lost it, or never had it): put it there.
    /// Accepted in `queued`: stays, with a new `since`.
    Enqueued,
    /// A worker has begun a try.
    /// Accepted in `scheduled`, `queued`, `up_for_retry`, `up_for_reschedule`, `running`, `restarting`, when the try is
    /// the one due and the lease is newer than the last: becomes `running`. In `running` and `restarting` the later lease
    /// takes over; the same lease again changes nothing.
    Started {
        /// The try.
        try_number: u32,
        /// Its lease.
        lease: LeaseToken,
        /// Who runs it.
        worker: WorkerId,
    },
    /// A try has ended.
    /// Accepted in the same states as `Started`, and also with the lease recorded in `running` or `restarting`.
    /// Becomes `success`, `failed`, `skipped`, `up_for_retry`, `up_for_reschedule` or `deferred`; `queued` (or `scheduled`)
    /// when the next try is due at once; `failed` with `cancelled` after a cancel, whatever the ending; and `none` from
    /// `restarting`, whatever the ending.
    Ended {
        /// The try.
        try_number: u32,
        /// Its lease.
        lease: LeaseToken,
        /// How.
        ending: Ending,
    },
    /// The lease of a try ran out before its worker reported.
    /// Accepted as `Ended` is; it is an ending with the reason `worker_lost`.
    LeaseExpired {
        /// The try.
        try_number: u32,
        /// Its lease.
        lease: LeaseToken,
    },
    /// A worker gives a try back without having ended it, because the worker shuts down.
    /// Accepted as `Ended` is. Becomes `queued` (or `scheduled`) with the same try; `failed` with `cancelled` after a
    /// cancel; `none` from `restarting`.
    HandedBack {
        /// The try.
        try_number: u32,
        /// Its lease.
        lease: LeaseToken,
    },
    /// The time for which the instance waits has come.
    /// Accepted in `up_for_retry`, `up_for_reschedule`, `deferred`, once due: becomes `queued` (or `scheduled`).
    WakeUp,
    /// An event has come.
    /// Accepted in `deferred`, when it waits for that event: becomes `queued` (or `scheduled`).
    EventArrived {
        /// The name of the event.
        name: String,
    },
    /// What a deferred try waited for was settled by somebody else, so that the try ends without being run again.
    /// Accepted in `deferred`, when the try is the one due and the lease is newer than the last: becomes what `Ended` makes of it.
    Settled {
        /// The try.
        try_number: u32,
        /// A lease, newer than any before.
        lease: LeaseToken,
        /// How it ended.
        ending: Ending,
    },
    /// A person or the API wants it stopped.
    /// Accepted in all unfinished states: `running` and `restarting` become `running` with `cancel_requested`, all others
    /// `skipped` with the reason `cancelled`.
    CancelRequested,
    /// A person wants it run anew.
    /// Accepted in all states but `removed`: `running` and `restarting` become `restarting`, all others `none`.
    Cleared,
    /// A person says that it succeeded. Accepted in all states but `removed`: becomes `success`.
    MarkedSuccess,
    /// A person says that it failed. Accepted in all states but `removed`: becomes `failed`.
    MarkedFailed,
    /// A person says that it is to be left out. Accepted in all states but `removed`: becomes `skipped`.
    MarkedSkipped,
    /// The task is no longer in the dag. Accepted in all unfinished states: becomes `removed`.
    Removed,
    /// It is a mapped task, and there is nothing to be run of it.
    /// Accepted in `none`, `scheduled`, `queued`: becomes `skipped` or `upstream_failed`.
    LeftOut(LeftOut),
    /// The list that its task is mapped over reaches to it again.
    /// Accepted in `removed`: becomes `none`.
    Restored,
}

/// Why nothing is to be run of a mapped task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// The list is empty.
    NothingToMap,
    /// There is no list, since the task that makes it was skipped.
    UpstreamSkipped,
    /// There is no list, since the task that makes it failed.
    UpstreamFailed,
}

impl TaskEvent {
    /// The try that it is about, if it is about one.
    #[must_use]
    pub const fn try_number(&self) -> Option<u32> {
        match self {
            Self::Started { try_number, .. }
            | Self::Ended { try_number, .. }
            | Self::LeaseExpired { try_number, .. }
            | Self::Settled { try_number, .. }
            | Self::HandedBack { try_number, .. } => Some(*try_number),
            Self::UpstreamsDone(_)
            | Self::Hold
            | Self::Release
            | Self::Enqueued
            | Self::WakeUp
            | Self::EventArrived { .. }
            | Self::CancelRequested
            | Self::Cleared
            | Self::MarkedSuccess
            | Self::MarkedFailed
            | Self::MarkedSkipped
            | Self::LeftOut(_)
            | Self::Bypassed(_)
            | Self::Restored
            | Self::Removed => None,
        }
    }

    /// The name of the event, for messages and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UpstreamsDone(_) => "upstreams_done",
            Self::Bypassed(_) => "bypassed",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Enqueued => "enqueued",
            Self::Started { .. } => "started",
            Self::Ended { .. } => "ended",
            Self::LeaseExpired { .. } => "lease_expired",
            Self::HandedBack { .. } => "handed_back",
            Self::WakeUp => "wake_up",
            Self::EventArrived { .. } => "event_arrived",
            Self::Settled { .. } => "settled",
            Self::CancelRequested => "cancel_requested",
            Self::Cleared => "cleared",
            Self::MarkedSuccess => "marked_success",
            Self::MarkedFailed => "marked_failed",
            Self::MarkedSkipped => "marked_skipped",
            Self::Removed => "removed",
            Self::LeftOut(_) => "left_out",
            Self::Restored => "restored",
        }
    }
}

/// What decides beside the state and the event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// What follows a failed try.
    pub retry: RetryPolicy,
    /// How many tries were begun before the instance was last cleared: they do not count against the policy. Kept beside
    /// the state; set by [`Effect::ForgetTries`].
    pub tries_before: u32,
    /// Whether what may run is held back (`scheduled`) instead of queued: the dag is paused, or a limit is reached.
    pub hold: bool,
}

/// What is to be done after a transition. All of it is in the order in which it should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Put this try into the queue, unless it is there or a worker has it. Repeated by `Enqueued` and `WakeUp`, so that what the
    /// queue has lost comes back.
    Enqueue {
        /// The try.
        try_number: u32,
        /// Before when no worker may have it.
        not_before: Option<DateTime<Utc>>,
    },
    /// Take the instance out of the queue, if it is still there.
    WithdrawFromQueue,
    /// Tell the worker that runs the instance, if one does, to stop it.
    StopSandbox,
    /// Count the outcome for the tasks downstream, and ask their trigger rules.
    ReleaseDependants(Outcome),
    /// Take an outcome counted earlier out of the counts again.
    RetractOutcome(Outcome),
    /// Ask the trigger rule of this instance ([`TaskEvent::UpstreamsDone`]).
    CheckUpstreams,
    /// Keep this number as [`Rules::tries_before`].
    ForgetTries {
        /// The tries begun so far.
        tries_before: u32,
    },
    /// The run has work again: open it if it is finished.
    ReopenRun,
}

/// The state after an event, and what is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The state.
    pub state: TaskState,
    /// What is to be done.
    pub effects: Vec<Effect>,
}

impl Step {
    pub(super) fn to(state: TaskState, effects: impl Into<Vec<Effect>>) -> Self {
        Self { state, effects: effects.into() }
    }
}

/// An event that the state does not accept. Mostly a report that comes late or twice: to be logged, not repaired.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("a task instance that is {} does not accept '{event}': {why}", state.name())]
pub struct Refused {
    /// The state, unchanged.
    pub state: TaskState,
    /// The name of the event.
    pub event: &'static str,
    /// Why.
    pub why: Why,
}

/// Why a state does not accept an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It has come to its end.
    #[error("it is finished")]
    Finished,
    /// No worker can have it.
    #[error("no worker can have it now")]
    NotHeld,
    /// The report is about another try.
    #[error("the try is {given}, but {due} is due")]
    OtherTry {
        /// The try reported.
        given: u32,
        /// The try that is due.
        due: u32,
    },
    /// A later lease is known.
    #[error("lease {given} is older than lease {known}, or was used up")]
    OldLease {
        /// The lease reported.
        given: LeaseToken,
        /// The latest known.
        known: LeaseToken,
    },
    /// It is not time yet.
    #[error("it is not due yet")]
    NotDue,
    /// It waits for another event.
    #[error("it waits for another event")]
    OtherEvent,
    /// The state has nothing to do with the event.
    #[error("the event has no meaning in this state")]
    NotInThisState,
}
