//! What people do to runs and task instances. Names and defaults are those of Airflow 2.10.

use crate::task_instance::TaskState;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// `POST /dags/{dag_id}/clearTaskInstances`: runs task instances anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClearTaskInstances {
    /// Only says what would be cleared. True unless it is set to false, as in Airflow.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// Only these tasks; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub task_ids: Option<Vec<TaskId>>,
    /// Only this instance of mapped tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
    /// Only in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
    /// Only in runs for this moment or later. Not together with `dag_run_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date: Option<DateTime<Utc>>,
    /// Only in runs for this moment or earlier. Not together with `dag_run_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date: Option<DateTime<Utc>>,
    /// Only instances that are `failed` or `upstream_failed`. True unless it is set to false, as in Airflow.
    #[serde(default = "yes")]
    pub only_failed: bool,
    /// Only instances that run.
    #[serde(default)]
    pub only_running: bool,
    /// Also all that the tasks wait for.
    #[serde(default)]
    pub include_upstream: bool,
    /// Also all that waits for the tasks.
    #[serde(default)]
    pub include_downstream: bool,
    /// Also in the runs of the dag after `dag_run_id`.
    #[serde(default)]
    pub include_future: bool,
    /// Also in the runs of the dag before `dag_run_id`.
    #[serde(default)]
    pub include_past: bool,
    /// Taken, and without effect: there are no sub-dags.
    #[serde(default, skip_serializing_if = "is_false")]
    pub include_subdags: bool,
    /// Taken, and without effect: there are no sub-dags.
    #[serde(default, skip_serializing_if = "is_false")]
    pub include_parentdag: bool,
    /// Taken, and without effect: a finished run always goes on.
    #[serde(default = "yes")]
    pub reset_dag_runs: bool,
}

impl Default for ClearTaskInstances {
    fn default() -> Self {
        Self {
            dry_run: true,
            task_ids: None,
            map_index: None,
            dag_run_id: None,
            start_date: None,
            end_date: None,
            only_failed: true,
            only_running: false,
            include_upstream: false,
            include_downstream: false,
            include_future: false,
            include_past: false,
            include_subdags: false,
            include_parentdag: false,
            reset_dag_runs: true,
        }
    }
}

/// A state that a person gives a task instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MarkedState {
    /// It counts as succeeded.
    Success,
    /// It counts as failed.
    Failed,
    /// It counts as skipped.
    Skipped,
}

/// `POST /dags/{dag_id}/updateTaskInstancesState`: gives instances of a task a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateTaskInstancesState {
    /// Only says what would be changed. True unless it is set to false, as in Airflow.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Only this instance of a mapped task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
    /// The run, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
    /// The run, by the moment that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date: Option<DateTime<Utc>>,
    /// Also all that the task waits for.
    #[serde(default)]
    pub include_upstream: bool,
    /// Also all that waits for the task.
    #[serde(default)]
    pub include_downstream: bool,
    /// Also in the runs of the dag after this one.
    #[serde(default)]
    pub include_future: bool,
    /// Also in the runs of the dag before this one.
    #[serde(default)]
    pub include_past: bool,
    /// The state.
    pub new_state: MarkedState,
}

/// `PATCH …/taskInstances/{task_id}`: gives a task instance a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateTaskInstance {
    /// Changes nothing. True unless it is set to false, as in Airflow.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// The state.
    pub new_state: MarkedState,
}

/// A task instance that something was done to, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskInstanceReference {
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// The moment that the run is for (Airflow's name for it).
    pub execution_date: DateTime<Utc>,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The state that it had before.
    pub state: TaskState,
}

/// Task instances that something was done to, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskInstanceReferenceCollection {
    /// The instances, in the order of runs and tasks.
    pub task_instances: Vec<TaskInstanceReference>,
    /// How many there are.
    pub total_entries: u64,
}

/// `POST …/dagRuns/{dag_run_id}/clear`: runs a whole run anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClearDagRun {
    /// Only says what would be cleared. True unless it is set to false, as in Airflow.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

/// A state that a person gives a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MarkedRunState {
    /// It and all its tasks count as succeeded.
    Success,
    /// It counts as failed: what runs is stopped and failed, what waits is skipped.
    Failed,
    /// It goes on by what its tasks say: the state that a person gave it is taken back.
    Queued,
}

/// `PATCH /dags/{dag_id}/dagRuns/{dag_run_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateDagRunState {
    /// The state.
    pub state: MarkedRunState,
}

/// The body of `setNote`, for runs and task instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetNote {
    /// The note, at most 4,000 characters; an empty one removes it.
    pub note: String,
}

/// `POST …/taskInstances/{task_id}/run`: runs one task by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RunTask {
    /// Position in a mapped task; left out for one that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
}
