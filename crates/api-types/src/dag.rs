use crate::dag_run::{DagRunState, DagRunType};
use crate::problem::Diagnostic;
use chrono::{DateTime, Utc};
use cofferdam_ids::{ComponentName, DagId, DagRunId, Digest, GroupName, PoolName, QueueName, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The next scheduled run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NextRun {
    /// The moment that it will be for.
    pub logical_date: DateTime<Utc>,
    /// When it starts.
    pub due_at: DateTime<Utc>,
}

/// One of the last runs of a dag, for a row of squares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecentRun {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// Its state.
    pub state: DagRunState,
    /// What made it.
    pub run_type: DagRunType,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// When its first tasks were queued.
    pub start_date: Option<DateTime<Utc>>,
    /// When it finished.
    pub end_date: Option<DateTime<Utc>>,
}

/// A dag, as in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Dag {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// What it is for.
    pub description: Option<String>,
    /// Whether its schedule is stopped.
    pub is_paused: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whom to ask about it.
    pub owners: Vec<String>,
    /// Its schedule, as written.
    pub schedule: Option<String>,
    /// Its schedule, as a sentence.
    pub schedule_in_words: Option<String>,
    /// The time zone of its schedule.
    pub timezone: String,
    /// Its next scheduled run.
    pub next_run: Option<NextRun>,
    /// Its last runs, the newest first, at most 14.
    pub recent_runs: Vec<RecentRun>,
    /// The number of its current version.
    pub version_number: u32,
    /// Counts its changes: the `ETag`.
    pub revision: u64,
    /// How many of its runs may be active at once.
    pub max_active_runs: u32,
    /// When it was applied first.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

/// The query of `GET /dags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DagListQuery {
    /// The most dags to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only dags with all of these tags, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Only dags whose name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_id_pattern: Option<String>,
    /// Only dags that are paused, or that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

impl Default for DagListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, tags: None, dag_id_pattern: None, paused: None }
    }
}

/// A list of dags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagCollection {
    /// The dags, by name.
    pub dags: Vec<Dag>,
    /// How many there are.
    pub total_entries: u64,
}

/// A task of a dag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagTask {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// What it does: `component`, or `run_dag`.
    pub kind: String,
    /// The component that it runs, if it runs one.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub component: Option<ComponentName>,
    /// The version of the component that it is pinned to.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub digest: Option<Digest>,
    /// The dag of which it makes a run, if it does that.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub run_dag: Option<DagId>,
    /// The group that it is in.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub group: Option<GroupName>,
    /// What its result decides: `branch` or `short_circuit`.
    pub decides: Option<String>,
    /// Whether it prepares something for a teardown.
    pub is_setup: bool,
    /// Whether it removes what setups have prepared.
    pub is_teardown: bool,
    /// When it runs, by how its upstream tasks ended.
    pub trigger_rule: String,
    /// How many tries it has at the most.
    pub max_tries: u32,
    /// The pool whose slots it takes.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub pool: PoolName,
    /// Which workers may take it.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub queue: QueueName,
    /// Higher first.
    pub priority: i32,
    /// Wall-clock milliseconds that a try may take.
    pub timeout_ms: u64,
}

/// A group of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagGroup {
    /// Its name; a dot puts it into another group.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: GroupName,
    /// One line that says what it is for.
    pub description: Option<String>,
}

/// Says that one task waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagEdge {
    /// The task that is waited for.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub upstream: TaskId,
    /// The task that waits.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub downstream: TaskId,
}

/// A version of a dag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagVersionSummary {
    /// Its number, from 1.
    pub version_number: u32,
    /// When it was applied.
    pub created_at: DateTime<Utc>,
    /// Who applied it.
    pub created_by: Option<String>,
}

/// `GET /dags/{dag_id}/details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagDetail {
    /// The dag.
    #[serde(flatten)]
    pub dag: Dag,
    /// The definition, as applied.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub definition: Value,
    /// Its tasks, upstream ones first.
    pub tasks: Vec<DagTask>,
    /// The groups of its tasks, those around others before them.
    pub groups: Vec<DagGroup>,
    /// Which task waits for which.
    pub edges: Vec<DagEdge>,
    /// Its versions, the newest first.
    pub versions: Vec<DagVersionSummary>,
}

/// The answer to `POST /dags`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AppliedDag {
    /// The dag's name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The dag as it is now; absent after a dry run of a dag that does not exist yet.
    pub dag: Option<Dag>,
    /// The number of the version that holds now (after a dry run: that would hold).
    pub version_number: u32,
    /// Whether something changed (or would).
    pub changed: bool,
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// `PATCH /dags/{dag_id}`. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchDag {
    /// Stops or starts its schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_paused: Option<bool>,
}

/// The answer to `DELETE /dags/{dag_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeletedDag {
    /// The dag that is gone, with its runs.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
}
