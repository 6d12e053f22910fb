use crate::airflow::Nothing;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, PoolName, QueueName, TaskId, WorkerId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

macro_rules! words {
    ($(#[$outer:meta])* $enum:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $enum { $($(#[$doc])* $name,)* }

        impl $enum {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// Reads what `as_str` wrote.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$name),)* _ => None } }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

words! {
    /// The state of a task instance. The names are Airflow's.
    TaskState {
        /// Waits for its upstream tasks.
        None = "none",
        /// May run, and waits for room.
        Scheduled = "scheduled",
        /// Waits for a worker.
        Queued = "queued",
        /// Runs.
        Running = "running",
        /// Returned a result.
        Success = "success",
        /// Failed, and will not be tried again.
        Failed = "failed",
        /// Failed, and will be tried again.
        UpForRetry = "up_for_retry",
        /// Asked to be run again later.
        UpForReschedule = "up_for_reschedule",
        /// Waits for an event.
        Deferred = "deferred",
        /// Did not run, since an upstream task failed.
        UpstreamFailed = "upstream_failed",
        /// Was left out.
        Skipped = "skipped",
        /// Its task left the dag.
        Removed = "removed",
        /// Runs, and will be run again.
        Restarting = "restarting",
    }
}

impl TaskState {
    /// Whether nothing more will happen by itself.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::UpstreamFailed | Self::Skipped | Self::Removed)
    }
}

words! {
    /// Why a task instance, a try or a run is as it is. Each has a section in `docs/errors/reasons.md`.
    Reason {
        /// The task returned an error that says "try again", or exited with a non-zero code.
        GuestError = "guest_error",
        /// The task returned an error that says "never try again".
        Fatal = "fatal",
        /// A panic, an uncaught exception, or another WebAssembly trap.
        Trap = "trap",
        /// The call stack overflowed.
        StackOverflow = "stack_overflow",
        /// The fuel was used up.
        OutOfFuel = "out_of_fuel",
        /// The memory limit was reached.
        OutOfMemory = "out_of_memory",
        /// The wall-clock limit was reached.
        TimedOut = "timed_out",
        /// A person or the API stopped it.
        Cancelled = "cancelled",
        /// The worker's lease ran out before it reported.
        WorkerLost = "worker_lost",
        /// The task asked for something that its grant does not name.
        PermissionDenied = "permission_denied",
        /// The input does not fit what the task takes.
        InvalidInput = "invalid_input",
        /// The result is not JSON, does not fit its type, or is too large.
        InvalidOutput = "invalid_output",
        /// The component cannot be loaded, or does not export what the task names.
        InvalidComponent = "invalid_component",
        /// A limit on instances, tables or handles was reached.
        LimitExceeded = "limit_exceeded",
        /// The task asked to be skipped.
        SkippedByTask = "skipped_by_task",
        /// A trigger rule left it out.
        SkippedByRule = "skipped_by_rule",
        /// A branch chose other tasks.
        BranchNotChosen = "branch_not_chosen",
        /// A short circuit above it skipped what follows.
        ShortCircuited = "short_circuited",
        /// The list that it is mapped over is empty.
        NothingToMap = "nothing_to_map",
        /// An upstream task failed.
        UpstreamFailed = "upstream_failed",
        /// A person set this state.
        MarkedByUser = "marked_by_user",
        /// The task left the dag before it ran.
        Removed = "removed",
        /// The run that the task made failed.
        ChildFailed = "child_failed",
        /// A person who was asked rejected it.
        Rejected = "rejected",
        /// The worker could not read the message that told it of the try; it is told again.
        Undecodable = "undecodable",
        /// Cofferdam itself failed; never the task's fault, so it is tried again.
        Internal = "internal",
    }
}

words! {
    /// How a try ended.
    TryEnding {
        /// With a result.
        Success = "success",
        /// With an error.
        Failure = "failure",
        /// The task asked to be skipped.
        Skip = "skip",
        /// The task asked to be run again later.
        Reschedule = "reschedule",
        /// The task asked to be woken by an event.
        Defer = "defer",
    }
}

/// What one try used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Units of fuel: about one for each WebAssembly instruction.
    pub fuel: u64,
    /// The most bytes that all linear memories together had.
    pub peak_memory_bytes: u64,
    /// Wall-clock microseconds.
    pub wall_us: u64,
    /// CPU microseconds.
    pub cpu_us: u64,
    /// Bytes of the input.
    pub input_bytes: u64,
    /// Bytes of the result.
    pub output_bytes: u64,
    /// Bytes written to stdout and stderr.
    pub stdio_bytes: u64,
    /// Bytes of log messages.
    pub log_bytes: u64,
    /// HTTP requests.
    #[serde(default)]
    pub http_calls: u64,
    /// Bytes of those requests and their responses.
    #[serde(default)]
    pub http_bytes: u64,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskInstance {
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_run_id: DagRunId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// What the instance of a mapped task is called, by its `map_index_template` (Airflow's name for it).
    #[serde(default)]
    pub rendered_map_index: Option<String>,
    /// Its state.
    pub state: TaskState,
    /// Why, where there is more to say than the state.
    pub reason: Option<Reason>,
    /// The current try, from 1; nought before the first.
    pub try_number: u32,
    /// How many tries there are at the most, with those before it was last cleared.
    pub max_tries: u32,
    /// When the current try was queued.
    pub queued_at: Option<DateTime<Utc>>,
    /// When it started.
    pub start_date: Option<DateTime<Utc>>,
    /// When it ended.
    pub end_date: Option<DateTime<Utc>>,
    /// Seconds from start to end.
    pub duration: Option<f64>,
    /// The pool whose slots it takes.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub pool: PoolName,
    /// Which workers may take it.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub queue: QueueName,
    /// The worker that has or had it.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Uuid))]
    pub worker_id: Option<WorkerId>,
    /// What the last finished try said: its error, or why it was skipped.
    pub message: Option<String>,
    /// What the last finished try used.
    pub receipt: Option<Receipt>,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
    /// The moment that the run is for (Airflow's name for it).
    #[serde(default)]
    pub execution_date: DateTime<Utc>,
    /// The component that it runs (Airflow's name for it).
    #[serde(default)]
    pub operator: Option<String>,
    /// How many slots of the pool it takes.
    #[serde(default)]
    pub pool_slots: u32,
    /// Higher first (Airflow's name for it).
    #[serde(default)]
    pub priority_weight: i32,
    /// When the current try was queued (Airflow's name for it).
    #[serde(default)]
    pub queued_when: Option<DateTime<Utc>>,
    /// The id of the worker, or nothing (Airflow's name for it).
    #[serde(default)]
    pub hostname: String,
    /// The name of the task (Airflow's name for it).
    #[serde(default)]
    pub task_display_name: String,
    /// Empty: a sandbox belongs to no user of a system.
    #[serde(default)]
    pub unixname: String,
    /// Null: a sandbox is no process.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>))]
    pub pid: Nothing,
    /// Null: there is one kind of worker.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub executor: Nothing,
    /// Always `{}`.
    #[serde(default)]
    pub executor_config: String,
    /// Empty: what a try was given is at `…/tries/{try_number}/rendered`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub rendered_fields: BTreeMap<String, Value>,
    /// Null: there are deadlines in place of Airflow's SLAs.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub sla_miss: Nothing,
    /// Null: schedulers wake what is deferred.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub trigger: Nothing,
    /// Null: schedulers wake what is deferred.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub triggerer_job: Nothing,
}

/// A list of task instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskInstanceCollection {
    /// The task instances, in the order of the dag's tasks.
    pub task_instances: Vec<TaskInstance>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of a list of task instances. Lists take several values separated by commas, or the name several times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct TaskInstanceListQuery {
    /// The most instances to answer with; those of one run all, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// How many to pass over.
    pub offset: u32,
    /// Only in one of these states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only in one of these pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Only in one of these queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Taken, and without effect: there is one kind of worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// `map_index`, `state`, `duration`, `start_date` or `end_date`, with `-` before it for the other direction; left out, by run, the
    /// latest first, then in the order of the tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Only what took so many seconds or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_gte: Option<f64>,
    /// Only what took so many seconds or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_lte: Option<f64>,
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

/// One try of a task instance that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Try {
    /// Its number, from 1.
    pub try_number: u32,
    /// How it ended.
    pub ending: TryEnding,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// What it said: its error, or why it was skipped.
    pub message: Option<String>,
    /// The worker that ran it.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Uuid))]
    pub worker_id: Option<WorkerId>,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it started.
    pub start_date: Option<DateTime<Utc>>,
    /// When it ended.
    pub end_date: DateTime<Utc>,
    /// What it used.
    pub receipt: Receipt,
}

/// The tries of a task instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TryCollection {
    /// The tries that have ended, the first one first.
    pub tries: Vec<Try>,
    /// The same as task instances, as Airflow has them.
    #[serde(default)]
    pub task_instances: Vec<TaskInstance>,
    /// How many there are.
    pub total_entries: u64,
}

/// What a try was given, once everything was filled in. What names of fields call secret is masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RenderedInput {
    /// Its input.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub input: Value,
    /// Its arguments, for a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its environment variables, for a command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Whether long texts and lists were cut, since the whole was too large to be kept.
    #[serde(default)]
    pub truncated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sent_as_they_are_named() {
        for state in TaskState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), serde_json::json!(state.as_str()));
            assert_eq!(TaskState::parse(state.as_str()), Some(*state));
        }
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), serde_json::json!(reason.as_str()));
        }
    }
}
