use crate::TaskState;
use chrono::{DateTime, Utc};
use cofferdam_ids::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The instances of a task of a run, together: one, or as many as a mapped task has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskSummary {
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Whether the task is mapped.
    pub is_mapped: bool,
    /// How many instances there are. A mapped task has one, with the `map_index` -1, until its list is known.
    pub instances: u64,
    /// How many of them are in each state.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, u64>))]
    pub states: BTreeMap<TaskState, u64>,
    /// When the first one started.
    pub start_date: Option<DateTime<Utc>>,
    /// When the last one ended, when all have.
    pub end_date: Option<DateTime<Utc>>,
}

/// The tasks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskSummaryCollection {
    /// The tasks, in the order of the dag.
    pub task_summaries: Vec<TaskSummary>,
    /// How many there are.
    pub total_entries: u64,
}
