//! Bodies that only exist for clients of Airflow's REST API 2.10. Names, shapes and defaults are Airflow's; what has no meaning
//! here has the value that such a client takes for "nothing". See `docs/airflow-compatibility.md`.

use crate::bundle::DagOrigin;
use crate::dag::Dag;
use crate::problem::Diagnostic;
use chrono::{DateTime, Utc};
use cofferdam_ids::{BundleName, DagId, DagRunId, TaskId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A field of Airflow's that means nothing here: always null. Its clients fail on a field that is not there at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A length of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TimeDelta {
    /// Always `TimeDelta`.
    #[serde(rename = "__type")]
    pub kind: String,
    /// Whole days.
    pub days: u64,
    /// Seconds beyond those.
    pub seconds: u64,
    /// Microseconds beyond those.
    pub microseconds: u64,
}

impl TimeDelta {
    /// So many milliseconds.
    #[must_use]
    pub fn from_ms(ms: u64) -> Self {
        Self {
            kind: "TimeDelta".to_owned(),
            days: ms / 86_400_000,
            seconds: ms % 86_400_000 / 1000,
            microseconds: ms % 1000 * 1000,
        }
    }
}

/// A schedule, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ScheduleInterval {
    /// Always `CronExpression`.
    #[serde(rename = "__type")]
    pub kind: String,
    /// The text of the schedule.
    pub value: String,
}

/// A word to find a dag by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tag {
    /// The word.
    pub name: String,
}

/// What Airflow says of a dag beside what Cofferdam says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AirflowDag {
    /// Its name.
    pub dag_display_name: String,
    /// Always `grid`.
    pub default_view: String,
    /// Names its source for `/dagSources`: its name.
    pub file_token: String,
    /// The file of the bundle that it comes from; empty when it was applied by itself.
    pub fileloc: String,
    /// Whether something is wrong with that file now: the dag is as it was before.
    pub has_import_errors: bool,
    /// Whether a task has a pool of its own or a concurrency.
    pub has_task_concurrency_limits: bool,
    /// False when the file that it came from is gone.
    pub is_active: bool,
    /// False: there are no sub-dags.
    pub is_subdag: bool,
    /// When it was applied last.
    pub last_parsed_time: Option<DateTime<Utc>>,
    /// The moment that the next scheduled run is for.
    pub next_dagrun: Option<DateTime<Utc>>,
    /// When it starts.
    pub next_dagrun_create_after: Option<DateTime<Utc>>,
    /// Start of the interval of data that it covers.
    pub next_dagrun_data_interval_start: Option<DateTime<Utc>>,
    /// End of that interval.
    pub next_dagrun_data_interval_end: Option<DateTime<Utc>>,
    /// The schedule, as written.
    pub schedule_interval: Option<ScheduleInterval>,
    /// The schedule, as a sentence.
    pub timetable_description: Option<String>,
    /// How many task instances may be queued or run at once; null where there is no bound, and where only a part of the dag is told.
    pub max_active_tasks: Option<u32>,
    /// Null: a dag is not paused after failures.
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>))]
    pub max_consecutive_failed_dag_runs: Nothing,
    /// Null: there are no sub-dags.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub root_dag_id: Nothing,
    /// Null: dags are not pickled.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub pickle_id: Nothing,
    /// Null: dags are not pickled.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub last_pickled: Nothing,
    /// Null: dags do not expire.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub last_expired: Nothing,
    /// Null: no scheduler locks a dag for longer than a moment.
    #[cfg_attr(feature = "schema", schema(value_type = Option<bool>))]
    pub scheduler_lock: Nothing,
}

/// What Airflow says of a dag in its details.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AirflowDagDetail {
    /// As `max_active_tasks`.
    pub concurrency: Option<u32>,
    /// The condition over assets that makes its runs, where its schedule is one.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub dataset_expression: Option<Value>,
    /// When it was applied last.
    pub last_parsed: Option<DateTime<Utc>>,
    /// False: what a template makes is a text.
    pub render_template_as_native_obj: bool,
    /// Null: a dag is made as it is said.
    #[cfg_attr(feature = "schema", schema(value_type = Option<bool>))]
    pub is_paused_upon_creation: Nothing,
    /// Null: templates are not in files.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub template_search_path: Nothing,
    /// Null: the console has its own.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub orientation: Nothing,
}

/// A task of a dag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Task {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Its name.
    pub task_display_name: String,
    /// The first of the dag's owners.
    pub owner: String,
    /// What it does: the component that it runs, or a kind of work.
    pub operator_name: String,
    /// The same, as Airflow says it.
    pub class_ref: ClassReference,
    /// The tasks that wait for it.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub downstream_task_ids: Vec<TaskId>,
    /// When it runs, by how its upstream tasks ended.
    pub trigger_rule: String,
    /// The pool whose slots it takes.
    pub pool: String,
    /// How many.
    pub pool_slots: u32,
    /// Which workers may take it.
    pub queue: String,
    /// Higher first.
    pub priority_weight: i32,
    /// Null: there is one kind of worker.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    #[serde(default)]
    pub executor: Nothing,
    /// How the weights of other tasks count.
    pub weight_rule: String,
    /// How often it is tried again.
    pub retries: u32,
    /// How long to wait before that.
    pub retry_delay: TimeDelta,
    /// Whether each wait is longer than the one before.
    pub retry_exponential_backoff: bool,
    /// How long a try may take.
    pub execution_timeout: TimeDelta,
    /// Whether it waits for its own success in the run before.
    pub depends_on_past: bool,
    /// Whether it waits for the tasks behind it in the run before.
    pub wait_for_downstream: bool,
    /// Whether it has an instance for each entry of a list.
    pub is_mapped: bool,
    /// Documentation in Markdown.
    pub doc_md: Option<String>,
    /// No interval of the dag begins before it.
    pub start_date: Option<DateTime<Utc>>,
    /// No interval of the dag begins after it.
    pub end_date: Option<DateTime<Utc>>,
    /// Empty.
    pub extra_links: Vec<ClassReference>,
    /// The fields that are filled in when it runs.
    pub template_fields: Vec<String>,
    /// A colour for screens.
    pub ui_color: String,
    /// A colour for text on it.
    pub ui_fgcolor: String,
}

/// Names what does the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClassReference {
    /// The part of a component's name before the last slash.
    pub module_path: String,
    /// The part after it.
    pub class_name: String,
}

/// The tasks of a dag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskCollection {
    /// The tasks, by name.
    pub tasks: Vec<Task>,
    /// How many there are.
    pub total_entries: u64,
}

/// The source of a dag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagSource {
    /// The definition, as JSON text.
    pub content: String,
    /// The file that it came from, where it came from a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<DagOrigin>,
}

/// How many runs of a dag are in each state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagStats {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// One entry for each state.
    pub stats: Vec<DagStatsState>,
}

/// How many runs are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagStatsState {
    /// The state.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// How many runs of dags are in each state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagStatsCollection {
    /// One entry for each dag.
    pub dags: Vec<DagStats>,
    /// How many dags there are.
    pub total_entries: u64,
}

/// The form of `POST /dags/~/dagRuns/list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ListDagRunsForm {
    /// `logical_date`, `execution_date`, `start_date`, `end_date`, `queued_at`, `dag_run_id`, with `-` before it for the latest first.
    pub order_by: Option<String>,
    /// How many to pass over.
    pub page_offset: Option<u32>,
    /// The most runs to answer with.
    pub page_limit: Option<u32>,
    /// Only runs of these dags.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dag_ids: Option<Vec<DagId>>,
    /// Only runs in one of these states.
    pub states: Option<Vec<String>>,
    /// Only runs for this moment or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_gte: Option<DateTime<Utc>>,
    /// Only runs for this moment or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_lte: Option<DateTime<Utc>>,
    /// Only runs that started then or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_gte: Option<DateTime<Utc>>,
    /// Only runs that started then or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_lte: Option<DateTime<Utc>>,
    /// Only runs that ended then or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_gte: Option<DateTime<Utc>>,
    /// Only runs that ended then or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_lte: Option<DateTime<Utc>>,
}

/// The form of `POST /dags/~/dagRuns/~/taskInstances/list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ListTaskInstancesForm {
    /// How many to pass over.
    pub page_offset: Option<u32>,
    /// The most to answer with.
    pub page_limit: Option<u32>,
    /// Only of these dags.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dag_ids: Option<Vec<DagId>>,
    /// Only of runs of these names.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dag_run_ids: Option<Vec<DagRunId>>,
    /// Only of these tasks.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub task_ids: Option<Vec<TaskId>>,
    /// Only in one of these states.
    pub state: Option<Vec<Option<String>>>,
    /// Only in one of these pools.
    pub pool: Option<Vec<String>>,
    /// Only in one of these queues.
    pub queue: Option<Vec<String>>,
    /// Taken, and without effect: there is one kind of worker.
    pub executor: Option<Vec<String>>,
    /// Only of runs for this moment or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_gte: Option<DateTime<Utc>>,
    /// Only of runs for this moment or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub execution_date_lte: Option<DateTime<Utc>>,
    /// Only what started then or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_gte: Option<DateTime<Utc>>,
    /// Only what started then or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub start_date_lte: Option<DateTime<Utc>>,
    /// Only what ended then or later.
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_gte: Option<DateTime<Utc>>,
    /// Only what ended then or earlier.
    #[serde(deserialize_with = "crate::page::moment")]
    pub end_date_lte: Option<DateTime<Utc>>,
    /// Only what took so many seconds or more.
    pub duration_gte: Option<f64>,
    /// Only what took so many seconds or less.
    pub duration_lte: Option<f64>,
}

/// Why a task instance does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FailedDependency {
    /// What is not given.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Why a task instance does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FailedDependencyCollection {
    /// All that stands in the way.
    pub dependencies: Vec<FailedDependency>,
}

/// Links of a task instance: none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExtraLinkCollection {
    /// The links.
    pub extra_links: Vec<ExtraLink>,
}

/// A link of a task instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExtraLink {
    /// What made it.
    pub class_ref: ClassReference,
    /// What it is.
    pub name: String,
    /// Where it leads, below the address of the server.
    pub href: String,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EventLog {
    /// Its number.
    pub event_log_id: i64,
    /// When it happened.
    pub when: DateTime<Utc>,
    /// What was done: `dag.apply`, `dag_run.cancel`.
    pub event: String,
    /// Who did it.
    pub owner: Option<String>,
    /// The dag that it is about.
    pub dag_id: Option<String>,
    /// The task that it is about.
    pub task_id: Option<String>,
    /// The run that it is about.
    pub run_id: Option<String>,
    /// The position in a mapped task, where it is about one task instance; -1 when that is not mapped.
    pub map_index: Option<i32>,
    /// The try that the task instance was at.
    pub try_number: Option<u32>,
    /// Nothing.
    pub execution_date: Option<DateTime<Utc>>,
    /// What else there is to say, as JSON text.
    pub extra: Option<String>,
    /// The kind of thing that it was done to: `dag`, `user`.
    pub target_kind: String,
    /// The thing's name.
    pub target: String,
    /// The request, as in the logs of the server.
    pub request_id: String,
}

/// Entries of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EventLogCollection {
    /// The entries of the page.
    pub event_logs: Vec<EventLog>,
    /// How many there are.
    pub total_entries: u64,
}

/// Whether a part works, as Airflow says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AirflowHealth {
    /// The database.
    pub metadatabase: PartStatus,
    /// The schedulers.
    pub scheduler: SchedulerStatus,
    /// What Airflow's triggerers do: nothing, since schedulers wake what waits for an event.
    pub triggerer: TriggererStatus,
    /// What Airflow's processors of dags do: nothing, since dags are applied.
    pub dag_processor: DagProcessorStatus,
}

/// Whether a part works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PartStatus {
    /// `healthy` or `unhealthy`.
    pub status: String,
}

/// Whether schedulers are at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SchedulerStatus {
    /// `healthy` or `unhealthy`.
    pub status: String,
    /// When a scheduler said last that it is at work.
    pub latest_scheduler_heartbeat: Option<String>,
}

/// There are no triggerers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TriggererStatus {
    /// Nothing.
    pub status: Option<String>,
    /// Nothing.
    pub latest_triggerer_heartbeat: Option<String>,
}

/// There are no processors of dags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DagProcessorStatus {
    /// Nothing.
    pub status: Option<String>,
    /// Nothing.
    pub latest_dag_processor_heartbeat: Option<String>,
}

/// A right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NamedItem {
    /// Its name.
    pub name: String,
}

/// The kinds of rights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActionCollection {
    /// The kinds of rights.
    pub actions: Vec<NamedItem>,
    /// How many there are.
    pub total_entries: u64,
}

/// A right on a kind of thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActionResource {
    /// What may be done.
    pub action: NamedItem,
    /// With what.
    pub resource: NamedItem,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RoleDetail {
    /// Its name: `viewer`, `operator`, `editor` or `admin`.
    pub name: String,
    /// What it may do.
    pub actions: Vec<ActionResource>,
}

/// The roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RoleCollection {
    /// The roles, the one with the fewest rights first.
    pub roles: Vec<RoleDetail>,
    /// How many there are.
    pub total_entries: u64,
}

/// A part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConfigSection {
    /// Its name.
    pub name: String,
    /// Its options.
    pub options: Vec<ConfigOption>,
}

/// An option of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConfigOption {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What of the configuration may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConfigSections {
    /// The sections.
    pub sections: Vec<ConfigSection>,
}

/// What tasks can be made of: a component that the tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Provider {
    /// The component.
    pub package_name: String,
    /// How it is entered.
    pub description: String,
    /// The label of its latest version, or the version's number.
    pub version: String,
}

/// What tasks can be made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProviderCollection {
    /// The components.
    pub providers: Vec<Provider>,
    /// How many there are.
    pub total_entries: u64,
}

/// Plugins of the server: none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PluginCollection {
    /// Empty.
    pub plugins: Vec<NamedItem>,
    /// Nought.
    pub total_entries: u64,
}

/// Files with mistakes, or warnings about dags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportErrorCollection {
    /// The entries.
    pub import_errors: Vec<ImportError>,
    /// How many there are.
    pub total_entries: u64,
}

/// A file with mistakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportError {
    /// Its number.
    pub import_error_id: i64,
    /// When it was seen.
    pub timestamp: DateTime<Utc>,
    /// The file.
    pub filename: String,
    /// What is wrong, as text.
    pub stack_trace: String,
    /// The bundle that the file is in (Airflow 3 calls it so).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub bundle_name: Option<BundleName>,
    /// What is wrong, each with its code, line, column and remedy.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
}

/// The answer to `POST /connections/test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConnectionTest {
    /// Whether the server answered.
    pub status: bool,
    /// What was found.
    pub message: String,
}

/// A list of dags after `PATCH /dags`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PatchedDags {
    /// The dags, as they are now.
    pub dags: Vec<Dag>,
    /// How many there are.
    pub total_entries: u64,
}
