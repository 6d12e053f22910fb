use crate::airflow::{AirflowDag, AirflowDagDetail, Tag, TimeDelta};
use crate::bundle::DagOrigin;
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
    /// Words to find it by: sent as objects with a `name`, as Airflow does.
    #[serde(with = "tags")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Tag>))]
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
    /// What Airflow's clients look for.
    #[serde(flatten)]
    pub airflow: AirflowDag,
}

/// Tags as objects with a `name`; read as texts too, which is how earlier versions sent them.
mod tags {
    use super::Tag;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Object(Tag),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(tags: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        let tags: Vec<Tag> = tags.iter().map(|name| Tag { name: name.clone() }).collect();
        tags.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let tags = Vec::<Either>::deserialize(deserializer)?;
        Ok(tags
            .into_iter()
            .map(|tag| match tag {
                Either::Object(tag) => tag.name,
                Either::Text(name) => name,
            })
            .collect())
    }
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
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::page::flag")]
    pub paused: Option<bool>,
    /// `dag_id` (the default), or `-dag_id` for the last name first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Whether dags whose file is gone are left out, which they are unless this is false (Airflow's filter).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::page::flag")]
    pub only_active: Option<bool>,
    /// Only these fields of each dag, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
}

impl Default for DagListQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            tags: None,
            dag_id_pattern: None,
            paused: None,
            order_by: None,
            only_active: None,
            fields: None,
        }
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
    /// What it does: `component`, `run_dag` or `approval`.
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
    /// The file that it came from, where it came from a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<DagOrigin>,
}

/// The query of `GET /dags/{dag_id}/details`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DagDetailQuery {
    /// The version whose definition, tasks and edges are wanted; the current one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_number: Option<u32>,
    /// Only these fields, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
}

/// `GET /dags/{dag_id}/details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagDetail {
    /// The dag.
    #[serde(flatten)]
    pub dag: Dag,
    /// The number of the version that the definition, the tasks and the edges are of.
    #[serde(default)]
    pub shown_version: u32,
    /// The definition, as applied.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub definition: Value,
    /// The JSON Schema of what a run can be triggered with: its parameters, with their defaults.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    #[serde(default)]
    pub conf_schema: Value,
    /// Its tasks, upstream ones first.
    pub tasks: Vec<DagTask>,
    /// The groups of its tasks, those around others before them.
    pub groups: Vec<DagGroup>,
    /// Which task waits for which.
    pub edges: Vec<DagEdge>,
    /// Its versions, the newest first.
    pub versions: Vec<DagVersionSummary>,
    /// Documentation in Markdown (Airflow's place for it).
    #[serde(default)]
    pub doc_md: Option<String>,
    /// Whether intervals that have passed are run too (Airflow's place for it).
    #[serde(default)]
    pub catchup: bool,
    /// No interval begins before it (Airflow's place for it).
    #[serde(default)]
    pub start_date: Option<DateTime<Utc>>,
    /// No interval begins after it (Airflow's place for it).
    #[serde(default)]
    pub end_date: Option<DateTime<Utc>>,
    /// How long a run may take (Airflow's place for it).
    #[serde(default)]
    pub dag_run_timeout: Option<TimeDelta>,
    /// What else Airflow's clients look for.
    #[serde(flatten)]
    pub airflow: AirflowDagDetail,
    /// The parameters and their values.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub params: serde_json::Map<String, Value>,
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
    /// What differs from the version before.
    pub changes: DagChanges,
}

/// The answer to `POST /compile`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CompiledDag {
    /// Whether it could be applied.
    pub is_valid: bool,
    /// What is wrong, or looks wrong, the errors first.
    pub diagnostics: Vec<Diagnostic>,
    /// The tasks, upstream ones first; empty when something is wrong.
    pub tasks: Vec<DagTask>,
    /// Which task waits for which.
    pub edges: Vec<DagEdge>,
    /// What differs from the dag's current version; absent when the definition does not even name its dag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<DagChanges>,
}

/// What differs between the current version of a dag and a definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagChanges {
    /// The number of the current version; absent when there is no such dag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_number: Option<u32>,
    /// Fields of the dag itself.
    pub fields: Vec<FieldChange>,
    /// Tasks that are new.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub added_tasks: Vec<TaskId>,
    /// Tasks that are gone.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub removed_tasks: Vec<TaskId>,
    /// Tasks in which something differs.
    pub changed_tasks: Vec<TaskChange>,
    /// Edges that are new.
    pub added_edges: Vec<DagEdge>,
    /// Edges that are gone.
    pub removed_edges: Vec<DagEdge>,
    /// Tasks whose component is another version now, although the definition names it as before.
    pub repinned_tasks: Vec<RepinnedTask>,
}

impl DagChanges {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { version_number: self.version_number, ..Self::default() }
    }
}

/// What differs in a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskChange {
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Its fields that differ.
    pub fields: Vec<FieldChange>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// Where: a JSON Pointer into the dag or the task.
    pub pointer: String,
    /// What was there; absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub before: Option<Value>,
    /// What is there now; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub after: Option<Value>,
}

/// A task whose component is another version now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RepinnedTask {
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// The version before.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub before: Digest,
    /// The version now.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub after: Digest,
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
