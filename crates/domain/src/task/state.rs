//! The states of a task instance.

use super::Outcome;
use crate::ending::Reason;
use chrono::{DateTime, Utc};
use cofferdam_ids::{LeaseToken, WorkerId};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The name of a [`TaskState`], as it is stored and sent (Airflow's names).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum TaskStateName { $($(#[$doc])* $name,)* }

        impl TaskStateName {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The state as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Reads what [`TaskStateName::as_str`] wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$name),)* _ => None } }
        }
    };
}

names! {
    /// It waits for its upstream tasks.
    None = "none";
    /// It may run, and is held back: the dag is paused, or a limit is reached.
    Scheduled = "scheduled";
    /// It waits in the queue for a worker.
    Queued = "queued";
    /// A worker runs it.
    Running = "running";
    /// It succeeded.
    Success = "success";
    /// It failed, and is not tried again.
    Failed = "failed";
    /// A try failed; the next one is due at a time.
    UpForRetry = "up_for_retry";
    /// It asked to be run again at a time, within the same try.
    UpForReschedule = "up_for_reschedule";
    /// It waits for an event.
    Deferred = "deferred";
    /// It was not run, because a task upstream failed.
    UpstreamFailed = "upstream_failed";
    /// It was not run, or asked to be left out.
    Skipped = "skipped";
    /// It left the dag before it ran.
    Removed = "removed";
    /// It was cleared while it ran: it is being stopped, and starts anew.
    Restarting = "restarting";
}

impl TaskStateName {
    /// Whether the instance has come to its end: only clearing or marking leads on.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        self.outcome().is_some()
    }

    /// How the state counts for tasks downstream, when it is finished.
    #[must_use]
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::None
            | Self::Scheduled
            | Self::Queued
            | Self::Running
            | Self::UpForRetry
            | Self::UpForReschedule
            | Self::Deferred
            | Self::Restarting => None,
            Self::Success => Some(Outcome::Success),
            Self::Failed => Some(Outcome::Failed),
            Self::UpstreamFailed => Some(Outcome::UpstreamFailed),
            Self::Skipped => Some(Outcome::Skipped),
            Self::Removed => Some(Outcome::Removed),
        }
    }
}

impl fmt::Display for TaskStateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a task instance stands, with what that state has and no more.
///
/// In all states, `try_number` is the number of the last try that was begun or is about to begin (0: none yet); it never
/// decreases, not even when the instance is cleared. `last_lease` is the latest lease of which anything was heard
/// (0: none): an older one is not believed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "try_number and last_lease mean the same in every variant: see above")]
pub enum TaskState {
    /// It waits for its upstream tasks.
    None { try_number: u32, last_lease: LeaseToken },
    /// Try `try_number` may run, and is held back.
    Scheduled {
        try_number: u32,
        last_lease: LeaseToken,
        /// Since when it is held.
        since: DateTime<Utc>,
        /// Before when it must not start, even when released.
        not_before: Option<DateTime<Utc>>,
    },
    /// Try `try_number` waits in the queue. A worker may have it already: the record of that follows later.
    Queued {
        try_number: u32,
        last_lease: LeaseToken,
        /// Since when; renewed by [`Enqueued`](super::TaskEvent::Enqueued), so that it is also when it was last looked for.
        since: DateTime<Utc>,
    },
    /// A worker runs try `try_number`.
    Running {
        try_number: u32,
        /// Under which lease.
        lease: LeaseToken,
        /// Which worker.
        worker: WorkerId,
        /// Since when.
        since: DateTime<Utc>,
        /// Whether it is being stopped for good.
        cancel_requested: bool,
    },
    /// It succeeded in try `try_number`.
    Success {
        try_number: u32,
        last_lease: LeaseToken,
        /// When.
        at: DateTime<Utc>,
        /// `marked_by_user`, or nothing.
        reason: Option<Reason>,
    },
    /// It failed, and is not tried again.
    Failed {
        try_number: u32,
        last_lease: LeaseToken,
        /// Why.
        reason: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// Try `try_number` failed; the next is in the queue for later.
    UpForRetry {
        try_number: u32,
        last_lease: LeaseToken,
        /// Why the try failed.
        reason: Reason,
        /// When the next one is due.
        due: DateTime<Utc>,
    },
    /// It asked to be run again later; try `try_number` is in the queue for then.
    UpForReschedule {
        try_number: u32,
        last_lease: LeaseToken,
        /// When it is due.
        due: DateTime<Utc>,
    },
    /// It waits for an event, in no queue.
    Deferred {
        try_number: u32,
        last_lease: LeaseToken,
        /// The name of the event.
        event: String,
        /// When it is woken without the event.
        due: DateTime<Utc>,
    },
    /// It was not run, because a task upstream failed.
    UpstreamFailed {
        try_number: u32,
        last_lease: LeaseToken,
        /// When that was settled.
        at: DateTime<Utc>,
    },
    /// It was not run, or asked to be left out.
    Skipped {
        try_number: u32,
        last_lease: LeaseToken,
        /// Why.
        reason: Reason,
        /// When.
        at: DateTime<Utc>,
    },
    /// It left the dag before it finished.
    Removed {
        try_number: u32,
        last_lease: LeaseToken,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was cleared while try `try_number` ran, which is being stopped.
    Restarting {
        try_number: u32,
        /// Under which lease it runs.
        lease: LeaseToken,
        /// Which worker runs it.
        worker: WorkerId,
        /// Since when it runs.
        since: DateTime<Utc>,
    },
}

impl TaskState {
    /// The state of an instance that has just been made.
    #[must_use]
    pub const fn new() -> Self {
        Self::None { try_number: 0, last_lease: LeaseToken(0) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> TaskStateName {
        match self {
            Self::None { .. } => TaskStateName::None,
            Self::Scheduled { .. } => TaskStateName::Scheduled,
            Self::Queued { .. } => TaskStateName::Queued,
            Self::Running { .. } => TaskStateName::Running,
            Self::Success { .. } => TaskStateName::Success,
            Self::Failed { .. } => TaskStateName::Failed,
            Self::UpForRetry { .. } => TaskStateName::UpForRetry,
            Self::UpForReschedule { .. } => TaskStateName::UpForReschedule,
            Self::Deferred { .. } => TaskStateName::Deferred,
            Self::UpstreamFailed { .. } => TaskStateName::UpstreamFailed,
            Self::Skipped { .. } => TaskStateName::Skipped,
            Self::Removed { .. } => TaskStateName::Removed,
            Self::Restarting { .. } => TaskStateName::Restarting,
        }
    }

    /// The number of the last try that was begun or is about to begin; 0 when there was none.
    #[must_use]
    pub const fn try_number(&self) -> u32 {
        match self {
            Self::None { try_number, .. }
            | Self::Scheduled { try_number, .. }
            | Self::Queued { try_number, .. }
            | Self::Running { try_number, .. }
            | Self::Success { try_number, .. }
            | Self::Failed { try_number, .. }
            | Self::UpForRetry { try_number, .. }
            | Self::UpForReschedule { try_number, .. }
            | Self::Deferred { try_number, .. }
            | Self::UpstreamFailed { try_number, .. }
            | Self::Skipped { try_number, .. }
            | Self::Removed { try_number, .. }
            | Self::Restarting { try_number, .. } => *try_number,
        }
    }

    /// The number of the last try that any worker can have: in `up_for_retry`, the next try is in the queue already. What
    /// ends the instance there uses that number up, so that a late report of it is never taken for one of a later try.
    pub(super) const fn last_try_given_out(&self) -> u32 {
        match self {
            Self::UpForRetry { try_number, .. } => try_number.saturating_add(1),
            Self::None { .. }
            | Self::Scheduled { .. }
            | Self::Queued { .. }
            | Self::Running { .. }
            | Self::Success { .. }
            | Self::Failed { .. }
            | Self::UpForReschedule { .. }
            | Self::Deferred { .. }
            | Self::UpstreamFailed { .. }
            | Self::Skipped { .. }
            | Self::Removed { .. }
            | Self::Restarting { .. } => self.try_number(),
        }
    }

    /// The latest lease of which anything was heard.
    #[must_use]
    pub const fn last_lease(&self) -> LeaseToken {
        match self {
            Self::Running { lease, .. } | Self::Restarting { lease, .. } => *lease,
            Self::None { last_lease, .. }
            | Self::Scheduled { last_lease, .. }
            | Self::Queued { last_lease, .. }
            | Self::Success { last_lease, .. }
            | Self::Failed { last_lease, .. }
            | Self::UpForRetry { last_lease, .. }
            | Self::UpForReschedule { last_lease, .. }
            | Self::Deferred { last_lease, .. }
            | Self::UpstreamFailed { last_lease, .. }
            | Self::Skipped { last_lease, .. }
            | Self::Removed { last_lease, .. } => *last_lease,
        }
    }

    /// Why it is as it is, where the state alone does not say.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Failed { reason, .. } | Self::UpForRetry { reason, .. } | Self::Skipped { reason, .. } => Some(*reason),
            Self::Success { reason, .. } => *reason,
            Self::UpstreamFailed { .. } => Some(Reason::UpstreamFailed),
            Self::Removed { .. } => Some(Reason::Removed),
            Self::None { .. }
            | Self::Scheduled { .. }
            | Self::Queued { .. }
            | Self::Running { .. }
            | Self::UpForReschedule { .. }
            | Self::Deferred { .. }
            | Self::Restarting { .. } => None,
        }
    }

    /// Whether it has come to its end: only clearing or marking leads on.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.name().is_finished()
    }
}

impl Default for TaskState {
    fn default() -> Self {
        Self::new()
    }
}
