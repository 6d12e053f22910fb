//! Callbacks that a run has called, and its deadlines.

use crate::{Reason, TaskState};
use chrono::{DateTime, Utc};
use cofferdam_ids::TaskId;
use serde::{Deserialize, Serialize};

/// What a callback is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
    /// The event as it is sent.
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
}

/// A callback that was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Callback {
    /// What it was called for.
    pub event: CallbackEvent,
    /// The task to which that happened; nothing when it happened to the run.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub subject_task_id: Option<TaskId>,
    /// Position of its instance in a mapped task, or -1.
    pub subject_map_index: i32,
    /// The try of the task; of a run, how often that has happened to it.
    pub subject_try_number: u32,
    /// When it was called.
    pub called_at: DateTime<Utc>,
    /// The name of the callback. Its log and its tries are found by it and `map_index`, as those of a task are.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Which of its instances in the run it is, counted from -1.
    pub map_index: i32,
    /// Its own state.
    pub state: TaskState,
    /// Why, where there is more to say than the state.
    pub reason: Option<Reason>,
    /// Its own try.
    pub try_number: u32,
    /// When its last try started.
    pub start_date: Option<DateTime<Utc>>,
    /// When it ended.
    pub end_date: Option<DateTime<Utc>>,
    /// What its last try said.
    pub message: Option<String>,
}

/// The callbacks that a run has called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CallbackCollection {
    /// The callbacks, in the order in which they were called.
    pub callbacks: Vec<Callback>,
    /// How many there are.
    pub total_entries: u64,
}

/// From when a deadline is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadlineFrom {
    /// When the run was made, or the task was queued.
    QueuedAt,
    /// When the run, or the task, started.
    StartedAt,
    /// The moment that the run is for.
    LogicalDate,
}

/// A deadline of a run, or of one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Deadline {
    /// The task; nothing when it is the run's.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub task_id: Option<TaskId>,
    /// From when it is counted.
    pub from: DeadlineFrom,
    /// Milliseconds after that.
    pub after_ms: u64,
    /// When it is; nothing until the moment has come from which it is counted.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was found to be missed; nothing while it lies ahead.
    pub missed_at: Option<DateTime<Utc>>,
}

/// The deadlines of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadlineCollection {
    /// Those that lie ahead and those that were missed: that of the run, then those of its tasks.
    pub deadlines: Vec<Deadline>,
    /// How many there are.
    pub total_entries: u64,
}
