use crate::{Reason, RenderedInput, TaskState, Try};
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, DeadLetterId, TaskId};
use serde::{Deserialize, Serialize};

/// What came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterKind {
    /// A task instance whose tries are used up, or whose error ruled out another.
    Task,
    /// A message of the queue that no worker could read.
    Message,
}

impl DeadLetterKind {
    /// The kind as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Message => "message",
        }
    }
}

/// Where a dead letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterState {
    /// It waits for somebody, or for the end of a try that was asked for.
    Open,
    /// Its task came right.
    Resolved,
    /// Somebody put it aside.
    Discarded,
}

impl DeadLetterState {
    /// The state as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }
}

/// How a dead letter was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterResolution {
    /// A later try succeeded.
    Succeeded,
    /// A later try asked to be skipped.
    Skipped,
    /// A person said that the task succeeded.
    MarkedSuccess,
    /// A person left the task out.
    MarkedSkipped,
}

/// A task that came to nothing, or a message that no worker could read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// Its id.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub dead_letter_id: DeadLetterId,
    /// What came to nothing.
    pub kind: DeadLetterKind,
    /// Where it stands.
    pub state: DeadLetterState,
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The moment that the run is for.
    pub logical_date: DateTime<Utc>,
    /// The state that the task instance has now; nothing when its run was deleted.
    pub task_state: Option<TaskState>,
    /// The last try.
    pub try_number: u32,
    /// Why it failed.
    pub reason: Reason,
    /// What it said.
    pub message: Option<String>,
    /// How many tries there were.
    pub tries: u32,
    /// How often it came here while it was open: more than once when a retry failed again.
    pub times: u32,
    /// When it first came here.
    pub first_at: DateTime<Utc>,
    /// When it last came here.
    pub at: DateTime<Utc>,
    /// When its task was last run again.
    pub retried_at: Option<DateTime<Utc>>,
    /// How often that was.
    pub retries: u32,
    /// When it was resolved or discarded.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it was resolved.
    pub resolution: Option<DeadLetterResolution>,
    /// Who discarded it.
    pub discarded_by: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// A list of dead letters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetterCollection {
    /// The letters.
    pub dead_letters: Vec<DeadLetter>,
    /// How many there are.
    pub total_entries: u64,
}

/// A dead letter with its whole history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetterDetail {
    /// The letter.
    pub dead_letter: DeadLetter,
    /// Every try up to its end, the first one first.
    pub history: Vec<DeadLetterTry>,
    /// What the last try was given, where it is known. What names of fields call secret is masked.
    pub rendered: Option<RenderedInput>,
    /// The message that could not be read.
    pub undecodable: Option<UndecodableMessage>,
}

/// A try, and where its log is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetterTry {
    /// The try.
    #[serde(flatten)]
    pub ended: Try,
    /// The path of its log; nothing when its run was deleted.
    pub log: Option<String>,
}

/// A message of the queue that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UndecodableMessage {
    /// The queue that it came from.
    pub queue: Option<String>,
    /// Its first bytes, in Base64.
    pub body: String,
    /// How many bytes it had.
    pub size_bytes: u64,
    /// Whether `body` is not all of it.
    pub truncated: bool,
}

/// The query of `GET /deadLetters`. What has several values takes them separated by commas, or the name several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DeadLetterListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// `at`, `task` (dag and task) or `reason`, with `-` before it for the other direction. `-at` when left out: the latest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Only of these dags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_id: Option<String>,
    /// Only of runs of these names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_run_id: Option<String>,
    /// Only of these tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Only with these reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only `task`, or only `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only in these states: `open`, `resolved`, `discarded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only those that came last at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_gte: Option<DateTime<Utc>>,
    /// Only those that came last at this time or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_lte: Option<DateTime<Utc>>,
}

impl Default for DeadLetterListQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            order_by: None,
            dag_id: None,
            dag_run_id: None,
            task_id: None,
            reason: None,
            kind: None,
            state: None,
            at_gte: None,
            at_lte: None,
        }
    }
}

/// Which open letters are meant. What is left out does not bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DeadLetterFilter {
    /// These; one that does not exist is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dead_letter_ids: Option<Vec<DeadLetterId>>,
    /// Of these dags.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dag_ids: Option<Vec<DagId>>,
    /// Of runs of these names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub dag_run_ids: Option<Vec<DagRunId>>,
    /// Of these tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    pub task_ids: Option<Vec<TaskId>>,
    /// With these reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Vec<Reason>>,
    /// Of these kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<DeadLetterKind>>,
    /// That came last at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_gte: Option<DateTime<Utc>>,
    /// That came last at this time or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_lte: Option<DateTime<Utc>>,
}

/// `POST /deadLetters/retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryDeadLetters {
    /// Which letters.
    #[serde(default)]
    pub filter: DeadLetterFilter,
    /// Only says which they are: true when left out.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

/// `POST /deadLetters/discard`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DiscardDeadLetters {
    /// Which letters.
    #[serde(default)]
    pub filter: DeadLetterFilter,
    /// A remark, up to 4000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Only says which they are: true when left out.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// `POST /deadLetters/{dead_letter_id}/discard`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DiscardDeadLetter {
    /// A remark, up to 4000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Names a letter and its task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetterReference {
    /// The letter.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub dead_letter_id: DeadLetterId,
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Why it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What was done to letters, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLettersChanged {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Those that it was done to, or would be.
    pub dead_letters: Vec<DeadLetterReference>,
    /// Those that it cannot be done to, and why.
    pub left_out: Vec<DeadLetterReference>,
    /// How many it was done to, or would be.
    pub total_entries: u64,
}

/// How long a tenant keeps dead letters that were resolved or discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetterRetention {
    /// For how many seconds.
    pub kept_s: u64,
    /// Whether that is what the configuration of the installation says.
    pub is_default: bool,
    /// What the configuration says, in seconds.
    pub default_s: u64,
}

/// `PUT /deadLetters/retention`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetDeadLetterRetention {
    /// For how many seconds letters are kept once they were resolved or discarded, at most ten years; null for what the configuration
    /// says.
    pub kept_s: Option<u64>,
}
