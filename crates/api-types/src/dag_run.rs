use crate::task_instance::Reason;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The state of a dag run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DagRunState {
    /// Waits, since as many runs as its dag allows are active.
    Queued,
    /// Has tasks that are not finished.
    Running,
    /// All its last tasks succeeded or were skipped.
    Success,
    /// One of its last tasks failed, or it was cancelled.
    Failed,
}

impl DagRunState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Queued, Self::Running, Self::Success, Self::Failed];

    /// The state as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

impl fmt::Display for DagRunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What made a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DagRunType {
    /// A person or the API.
    Manual,
    /// The dag's schedule.
    Scheduled,
    /// A backfill.
    Backfill,
    /// An event from outside, or new data (Airflow's word for it).
    #[serde(rename = "dataset_triggered", alias = "event")]
    Event,
}

/// A run of a dag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagRun {
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// What made it.
    pub run_type: DagRunType,
    /// Its state.
    pub state: DagRunState,
    /// Why, where there is more to say than the state.
    pub reason: Option<Reason>,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// Start of the interval of data that it covers.
    pub data_interval_start: DateTime<Utc>,
    /// End of that interval.
    pub data_interval_end: DateTime<Utc>,
    /// What it was triggered with.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub conf: Value,
    /// A remark of whoever triggered it.
    pub note: Option<String>,
    /// The number of the dag version that it is pinned to.
    pub version_number: u32,
    /// When it was made.
    pub queued_at: DateTime<Utc>,
    /// When its first tasks were queued.
    pub start_date: Option<DateTime<Utc>>,
    /// When it finished.
    pub end_date: Option<DateTime<Utc>>,
    /// Seconds from start to end.
    pub duration: Option<f64>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// The moment that it is for (Airflow's former name for it).
    #[serde(default)]
    pub execution_date: DateTime<Utc>,
    /// Whether a person or the API made it (Airflow's name for it).
    #[serde(default)]
    pub external_trigger: bool,
    /// When it changed last: its end, its start, or when it was made (Airflow's name for it).
    #[serde(default)]
    pub last_scheduling_decision: Option<DateTime<Utc>>,
}

/// `POST /dags/{dag_id}/dagRuns`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TriggerDagRun {
    /// A name for it; made from the time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
    /// The moment that it is for; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "execution_date")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub logical_date: Option<DateTime<Utc>>,
    /// Start of the interval of data that it covers; with `data_interval_end`. Made from the schedule when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub data_interval_start: Option<DateTime<Utc>>,
    /// End of that interval; with `data_interval_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub data_interval_end: Option<DateTime<Utc>>,
    /// What its tasks are told: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub conf: Option<Map<String, Value>>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The query of `GET /dags/{dag_id}/dagRuns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DagRunListQuery {
    /// The most runs to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only runs in one of these states, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only runs that one of these made, separated by commas: `manual`, `scheduled`, `backfill`, `dataset_triggered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_type: Option<String>,
    /// `logical_date` (or `execution_date`), `queued_at` (or `id`), `start_date`, `end_date`, `updated_at`, `dag_run_id`, `dag_id`, `state`
    /// or `external_trigger`, with `-` before it for the other direction; `-logical_date` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Only these fields of each run, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
    /// Only runs for this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_gte: Option<DateTime<Utc>>,
    /// Only runs for this moment or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_lte: Option<DateTime<Utc>>,
    /// Only what started then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_gte: Option<DateTime<Utc>>,
    /// Only what started then or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_lte: Option<DateTime<Utc>>,
    /// Only what ended then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_gte: Option<DateTime<Utc>>,
    /// Only what ended then or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_lte: Option<DateTime<Utc>>,
    /// Only what changed last then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub updated_at_gte: Option<DateTime<Utc>>,
    /// Only what changed last then or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::page::moment")]
    pub updated_at_lte: Option<DateTime<Utc>>,
}

impl Default for DagRunListQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            state: None,
            run_type: None,
            order_by: None,
            fields: None,
            execution_date_gte: None,
            execution_date_lte: None,
            start_date_gte: None,
            start_date_lte: None,
            end_date_gte: None,
            end_date_lte: None,
            updated_at_gte: None,
            updated_at_lte: None,
        }
    }
}

/// A list of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagRunCollection {
    /// The runs.
    pub dag_runs: Vec<DagRun>,
    /// How many there are.
    pub total_entries: u64,
}
