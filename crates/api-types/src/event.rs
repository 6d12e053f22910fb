use crate::dag_run::DagRunState;
use crate::task_instance::{Reason, TaskState};
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};

/// One change. A hint: whoever missed some reads the current state again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A dag was applied, paused, unpaused or deleted, or a backfill of it was completed.
    Dag {
        /// The dag.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_id: DagId,
    },
    /// A run was made, or its state changed.
    DagRun {
        /// Its dag.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_id: DagId,
        /// The run.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_run_id: DagRunId,
        /// The state it has now.
        state: DagRunState,
    },
    /// The state of a task instance changed.
    TaskInstance {
        /// Its dag.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_id: DagId,
        /// Its run.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_run_id: DagRunId,
        /// The task.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        task_id: TaskId,
        /// Position in a mapped task, or -1.
        map_index: i32,
        /// The state it has now.
        state: TaskState,
        /// Why, where there is more to say than the state.
        reason: Option<Reason>,
        /// The try.
        try_number: u32,
        /// When it changed.
        at: DateTime<Utc>,
    },
    /// A run, or a task of a run, had not ended by its deadline.
    DeadlineMissed {
        /// The dag.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_id: DagId,
        /// The run.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_run_id: DagRunId,
        /// The task; nothing when it was the run's deadline.
        #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
        task_id: Option<TaskId>,
        /// When the deadline was.
        due_at: DateTime<Utc>,
    },
    /// A running task told how far it is.
    Progress {
        /// Its dag.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_id: DagId,
        /// Its run.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        dag_run_id: DagRunId,
        /// The task.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        task_id: TaskId,
        /// Position in a mapped task, or -1.
        map_index: i32,
        /// From 0 to 1.
        fraction: f64,
        /// What it is doing.
        message: String,
    },
}

/// What the event stream carries. Over SSE the event's name is the `kind` and its data is this document; over WebSocket
/// each text message is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StreamMessage {
    /// The stream has begun: what changes from now on will be sent. Whoever shows something reads it now.
    Ready,
    /// Changes, the earlier first.
    Changes {
        /// The changes.
        events: Vec<Event>,
    },
    /// Some changes were not sent, since this client reads too slowly. It reads again what it shows.
    Resync,
}

/// What came of an event that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SentEvent {
    /// How many tasks waited for it and were woken.
    pub woken: u64,
}
