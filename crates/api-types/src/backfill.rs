use crate::DagRunState;
use chrono::{DateTime, Utc};
use cofferdam_ids::{BackfillId, DagId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which intervals a backfill runs that have a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReprocessBehavior {
    /// None.
    #[default]
    None,
    /// Those whose last run failed.
    Failed,
    /// Those whose last run is finished.
    Completed,
}

/// Where a backfill stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// It makes runs.
    Running,
    /// It makes none until it is resumed.
    Paused,
    /// All its runs are finished.
    Completed,
    /// Somebody ended it.
    Cancelled,
}

impl BackfillState {
    /// The state as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// `POST /backfills` and `POST /backfills/dry_run`. The names are Airflow 3's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBackfill {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Intervals that begin here or later.
    pub from_date: DateTime<Utc>,
    /// Intervals that begin here or earlier.
    pub to_date: DateTime<Utc>,
    /// Whether the latest is run first.
    #[serde(default)]
    pub run_backwards: bool,
    /// What each run is triggered with: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub dag_run_conf: Option<Map<String, Value>>,
    /// Which intervals are run that have a run.
    #[serde(default)]
    pub reprocess_behavior: ReprocessBehavior,
    /// Its runs at once, from 1 to 1000; 10 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
}

/// A backfill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Backfill {
    /// Its id.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub id: BackfillId,
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its intervals begin here or later.
    pub from_date: DateTime<Utc>,
    /// They begin here or earlier.
    pub to_date: DateTime<Utc>,
    /// Whether the latest is run first.
    pub run_backwards: bool,
    /// What each run is triggered with.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub dag_run_conf: Value,
    /// Which intervals are run that have a run.
    pub reprocess_behavior: ReprocessBehavior,
    /// Its runs at once.
    pub max_active_runs: u32,
    /// Where it stands.
    pub state: BackfillState,
    /// Whether it is paused.
    pub is_paused: bool,
    /// How far it is.
    pub progress: BackfillProgress,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was paused, resumed or ended last.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
}

/// How many intervals of a backfill are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BackfillProgress {
    /// All of them.
    pub total: u32,
    /// Their turn has not come.
    pub waiting: u32,
    /// They have a run already, so none was made.
    pub left_out: u32,
    /// Their run waits.
    pub queued: u32,
    /// Their run goes on.
    pub running: u32,
    /// Their run succeeded.
    pub success: u32,
    /// Their run failed.
    pub failed: u32,
    /// Their run was made, and has been deleted since.
    pub deleted: u32,
}

/// A list of backfills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BackfillCollection {
    /// The backfills, the latest first.
    pub backfills: Vec<Backfill>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /backfills`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct BackfillListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only those of this dag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", param(value_type = Option<String>))]
    pub dag_id: Option<DagId>,
    /// Only those in one of these states, separated by commas: `running`, `paused`, `completed`, `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `created_at`, `dag_id`, `state` or `from_date`, with `-` before it for the other direction; left out, the latest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for BackfillListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, dag_id: None, state: None, order_by: None }
    }
}

/// An interval of a backfill that would be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DryRunInterval {
    /// Its start.
    pub logical_date: DateTime<Utc>,
    /// Its end.
    pub data_interval_end: DateTime<Utc>,
    /// The state of its last run, when it has one.
    pub last_run: Option<DagRunState>,
    /// Whether it would be run.
    pub runs: bool,
}

/// What a backfill would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DryRunBackfill {
    /// Its intervals, in the order in which they are run.
    pub backfills: Vec<DryRunInterval>,
    /// How many there are.
    pub total_entries: u64,
    /// How many runs would be made.
    pub runs: u64,
    /// What that likely costs; nothing when no run of the dag has succeeded yet.
    pub forecast: Option<BackfillForecast>,
}

/// What the runs of a backfill will likely use: as much as the last successful runs of the dag did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BackfillForecast {
    /// How many past runs that is learnt from, at most 20.
    pub learnt_from: u32,
    /// Fuel of all runs together.
    pub fuel: u64,
    /// Milliseconds of CPU of all runs together.
    pub cpu_ms: u64,
    /// Tries of all runs together.
    pub tries: u64,
    /// Milliseconds until the last has ended.
    pub wall_ms: u64,
}
