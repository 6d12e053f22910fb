//! What changed, for screens that watch.

use crate::ending::Reason;
use crate::run::RunStateName;
use crate::task::TaskStateName;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};

/// One change. A hint: whoever missed some reads the current state again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A dag was applied, paused, unpaused or deleted, or a backfill of it was completed.
    Dag {
        /// The dag.
        dag_id: DagId,
    },
    /// A run was made, or its state changed.
    DagRun {
        /// Its dag.
        dag_id: DagId,
        /// The run.
        dag_run_id: DagRunId,
        /// The state it has now.
        state: RunStateName,
    },
    /// The state of a task instance changed.
    TaskInstance {
        /// Its dag.
        dag_id: DagId,
        /// Its run.
        dag_run_id: DagRunId,
        /// The task.
        task_id: TaskId,
        /// Position in a mapped task, or -1.
        map_index: i32,
        /// The state it has now.
        state: TaskStateName,
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
        dag_id: DagId,
        /// The run.
        dag_run_id: DagRunId,
        /// The task; nothing when it was the run's deadline.
        task_id: Option<TaskId>,
        /// When the deadline was.
        due_at: DateTime<Utc>,
    },
    /// A running task told how far it is.
    Progress {
        /// Its dag.
        dag_id: DagId,
        /// Its run.
        dag_run_id: DagRunId,
        /// The task.
        task_id: TaskId,
        /// Position in a mapped task, or -1.
        map_index: i32,
        /// From 0 to 1.
        fraction: f64,
        /// What it is doing.
        message: String,
    },
}
