use crate::{NextRun, RecentRun};
use chrono::{DateTime, Utc};
use cofferdam_ids::TaskId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `POST /api/tasks` and `PUT /api/tasks/{task_id}`: a task by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PutTask {
    /// Its name, unique among the tenant's tasks and dags. Not needed in `PUT`, whose path names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub task_id: Option<TaskId>,
    /// The version that is replaced, in place of `If-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it runs: as the `schedule` of a dag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub schedule: Option<Value>,
    /// The tasks that it waits for: it runs when each of them has succeeded anew. In place of a schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub depends_on: Vec<TaskId>,
    /// Which of the tasks that wait goes first: the highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// How often it is tried again after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Whether its schedule is stopped; as it was, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_paused: Option<bool>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Any other field of a task of a dag (`component`, `script`, `input`, `timeout`, `grant`, ...), and `timezone`, `start_date`,
    /// `end_date`, `catchup`, `jitter`, `overlap`, `max_active_runs`, `dagrun_timeout` and `params` of a dag.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub definition: Map<String, Value>,
}

/// A task by itself. Its runs are those of the dag of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StandaloneTask {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Counts its changes: the `ETag`.
    pub version: u64,
    /// What it is for.
    pub description: Option<String>,
    /// When it runs.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub schedule: Option<Value>,
    /// Its schedule, as a sentence.
    pub schedule_in_words: Option<String>,
    /// The tasks that it waits for.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub depends_on: Vec<TaskId>,
    /// Which of the tasks that wait goes first: the highest.
    pub priority: i32,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Whether its schedule is stopped.
    pub is_paused: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whom to ask about it.
    pub owners: Vec<String>,
    /// Its next scheduled run.
    pub next_run: Option<NextRun>,
    /// Its last runs, the newest first, at most 14.
    pub recent_runs: Vec<RecentRun>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// All else that it was made with.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub definition: Map<String, Value>,
}

impl StandaloneTask {
    /// The fields that a change leaves alone: who reads a task, changes it and sends it back sends them too.
    pub const READ_ONLY: &[&str] = &["schedule_in_words", "next_run", "recent_runs", "created_at", "updated_at"];
}

/// A list of tasks by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StandaloneTaskCollection {
    /// The tasks, by name.
    pub tasks: Vec<StandaloneTask>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /api/tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct StandaloneTaskListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only those with all of these tags, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Only those whose name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id_pattern: Option<String>,
    /// Only those that are paused, or that are not.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::page::flag")]
    pub paused: Option<bool>,
    /// `task_id` (the default), or `-task_id` for the last name first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for StandaloneTaskListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, tags: None, task_id_pattern: None, paused: None, order_by: None }
    }
}
