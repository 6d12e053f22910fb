//! What a user writes: a dag as data, in JSON or in YAML.
//!
//! [`parse`] turns JSON into a [`DagDefinition`], [`validate`] looks at it as a whole; both tell all they find as
//! [`Diagnostic`]s with a pointer into the document. [`DagPlan`](crate::plan::DagPlan) is the compiled form. The format
//! is described for users in `docs/dags.md`.

mod approval;
mod callback;
mod changes;
mod component;
mod deadline;
mod diagnostic;
pub(crate) mod expand;
mod flow;
pub(crate) mod graph;
mod group;
pub(crate) mod mapped;
mod params;
mod parse;
mod quantity;
mod reach;
mod room;
mod schedule;
mod schema;
mod script;
mod source;
pub mod standalone;
pub(crate) mod suggest;
mod surroundings;
pub(crate) mod templates;
mod validate;
mod work;

pub use approval::ApprovalDefinition;
pub use callback::CallbackDefinition;
pub(crate) use callback::{Owner, Placed};
pub use changes::{Changes, FieldChange};
pub use component::{ComponentRef, ComponentRefError, ComponentVersion, VersionRange};
pub use deadline::{DeadlineDefinition, DeadlineFrom};
pub(crate) use diagnostic::join;
pub use diagnostic::{Diagnostic, DiagnosticCode, Label, Severity, Suggestion, TextPlace};
pub use expand::{ExpandDefinition, ExpandMode, MAX_MAPPED};
pub use flow::{ShortCircuitDefinition, TeardownDefinition};
pub use group::GroupDefinition;
pub(crate) use group::{Group, Wiring, wire};
pub use mapped::MAX_GROUP_INSTANCES;
pub use params::{Param, conf_schema};
pub(crate) use params::{check as check_params, declared as declared_params, defaults as default_params};
pub use parse::parse;
pub use quantity::{ByteSize, QuantityError, TimeSpan};
pub use room::WeightRule;
pub use schedule::{DagEnd, EndState, Overlap, ScheduleDefinition, ScheduleFormError, ScheduleItem};
pub use schema::schema;
pub use script::{MAX_SCRIPT, ScriptDefinition, ScriptLanguage};
pub use source::{Source, Span, SyntaxError};
pub use surroundings::{Surroundings, check_surroundings};
pub use validate::{MAX_TASKS, validate};
pub use work::{RunDagDate, RunDagDefinition, WorkDefinition};

use crate::asset::Produced;
use crate::ending::Reason;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::retry::{Backoff, RetryPolicy};
use crate::trigger_rule::TriggerRule;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use cofferdam_ids::{DagId, GroupName, PoolName, QueueName, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A dag, as a user writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagDefinition {
    /// Its name, unique in its tenant.
    pub dag_id: DagId,
    /// One line that says what it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Documentation in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_md: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// When it runs; nothing for one that runs when triggered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleDefinition>,
    /// The time zone of the schedule and of dates without one: a name of the IANA database.
    #[serde(default = "utc", skip_serializing_if = "is_utc")]
    pub timezone: String,
    /// No interval of data begins before it. Without it, scheduling begins with the interval in which the dag is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Moment>,
    /// No interval of data begins after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Moment>,
    /// Whether intervals that passed while the dag was paused or not there are run too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub catchup: bool,
    /// How far runs that are due at the same moment are spread: each comes up to this much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<TimeSpan>,
    /// What happens when a run is due while another is not finished; `allow` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// How many runs may run at once; others wait as `queued`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
    /// How many task instances of the dag may be queued or run at once; others wait as `scheduled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tasks: Option<u32>,
    /// How long a run may take before it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dagrun_timeout: Option<TimeSpan>,
    /// What is run when a run has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Box<CallbackDefinition>>,
    /// What is run when a run has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Box<CallbackDefinition>>,
    /// By when a run has to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Box<DeadlineDefinition>>,
    /// Settings of tasks that do not have their own (Airflow's `default_args`).
    #[serde(default, skip_serializing_if = "TaskSettings::is_empty")]
    pub defaults: TaskSettings,
    /// The most that a try of any task may use, whatever the task and `defaults` ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsDefinition>,
    /// Values that a run's `conf` may replace: plain, or declared with a JSON Schema ([`Param`]).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// What is to be said of its groups of tasks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<GroupName, GroupDefinition>,
    /// The tasks.
    pub tasks: Vec<TaskDefinition>,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn is_utc(name: &String) -> bool {
    name == "UTC"
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Gives a struct the settings that a task and a dag's `defaults` have in common. (`#[serde(flatten)]` would let unknown
/// fields pass and lose the place of an error.)
macro_rules! with_settings {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// What it needs of its upstream tasks.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub trigger_rule: Option<TriggerRule>,
            /// How often it is tried again after a failure; 0 when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub retries: Option<u32>,
            /// How long to wait before the first retry; 30 seconds when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub retry_delay: Option<TimeSpan>,
            /// Whether later retries wait longer.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub retry_backoff: Option<RetryBackoff>,
            /// The longest wait before a retry; an hour when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub max_retry_delay: Option<TimeSpan>,
            /// The part of the wait that chance may add or take, from 0 to 1; 0.1 when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub retry_jitter: Option<f64>,
            /// For reasons whose retrying can be chosen, whether they are tried again.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub retry_on: BTreeMap<Reason, bool>,
            /// How long a try may take; 5 minutes when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub timeout: Option<TimeSpan>,
            /// Which of the tasks that wait goes first: the highest. 0 when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub priority: Option<i32>,
            /// How the priorities of the tasks around it count for its own.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub weight_rule: Option<WeightRule>,
            /// Whether an instance waits until that of the run before has succeeded or was skipped.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub depends_on_past: Option<bool>,
            /// Whether an instance also waits for the tasks that wait directly for that of the run before.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub wait_for_downstream: Option<bool>,
            /// The pool whose slots it takes; `default_pool` when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub pool: Option<PoolName>,
            /// How many slots it takes; 1 when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub pool_slots: Option<u32>,
            /// Which workers may take it: those that serve this queue; `default` when not given.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub queue: Option<QueueName>,
            /// What a try may use.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub limits: Option<LimitsDefinition>,
            /// What it may reach: see [`Grant`].
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub grant: Option<Grant>,
            /// What is run when it has succeeded.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub on_success: Option<Box<CallbackDefinition>>,
            /// What is run when it has failed and is not tried again.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub on_failure: Option<Box<CallbackDefinition>>,
            /// What is run when a try has failed and another follows.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub on_retry: Option<Box<CallbackDefinition>>,
            /// What is run when it asked to be left out.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub on_skipped: Option<Box<CallbackDefinition>>,
            /// By when it has to have ended.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub deadline: Option<Box<DeadlineDefinition>>,
        }

        impl $name {
            /// The settings, each replaced by `fallback`'s where it is not given. `retry_on` and `limits` are merged entry by entry;
            /// a `grant` is taken as a whole, so that what a task may reach is read in one place.
            #[must_use]
            pub fn settings_or(&self, fallback: &TaskSettings) -> TaskSettings {
                let mut retry_on = fallback.retry_on.clone();
                retry_on.extend(&self.retry_on);
                TaskSettings {
                    trigger_rule: self.trigger_rule.or(fallback.trigger_rule),
                    retries: self.retries.or(fallback.retries),
                    retry_delay: self.retry_delay.or(fallback.retry_delay),
                    retry_backoff: self.retry_backoff.or(fallback.retry_backoff),
                    max_retry_delay: self.max_retry_delay.or(fallback.max_retry_delay),
                    retry_jitter: self.retry_jitter.or(fallback.retry_jitter),
                    retry_on,
                    timeout: self.timeout.or(fallback.timeout),
                    priority: self.priority.or(fallback.priority),
                    weight_rule: self.weight_rule.or(fallback.weight_rule),
                    depends_on_past: self.depends_on_past.or(fallback.depends_on_past),
                    wait_for_downstream: self.wait_for_downstream.or(fallback.wait_for_downstream),
                    pool: self.pool.clone().or_else(|| fallback.pool.clone()),
                    pool_slots: self.pool_slots.or(fallback.pool_slots),
                    queue: self.queue.clone().or_else(|| fallback.queue.clone()),
                    limits: match (&self.limits, &fallback.limits) {
                        (Some(own), Some(fallback)) => Some(own.or(fallback)),
                        (own, fallback) => own.clone().or_else(|| fallback.clone()),
                    },
                    grant: self.grant.clone().or_else(|| fallback.grant.clone()),
                    on_success: self.on_success.clone().or_else(|| fallback.on_success.clone()),
                    on_failure: self.on_failure.clone().or_else(|| fallback.on_failure.clone()),
                    on_retry: self.on_retry.clone().or_else(|| fallback.on_retry.clone()),
                    on_skipped: self.on_skipped.clone().or_else(|| fallback.on_skipped.clone()),
                    deadline: self.deadline.clone().or_else(|| fallback.deadline.clone()),
                }
            }
        }
    };
}

with_settings! {
    /// Settings of tasks. What is not given has the default that the field's description names.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct TaskSettings {}
}

with_settings! {
    /// A task of a dag.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct TaskDefinition {
        /// Its name, unique in its dag.
        pub task_id: TaskId,
        /// What it runs: `name`, `name@version`, `name@range` or `name@sha256:digest`. With a script, the component that interprets
        /// it, which [`parse`] fills in. See [`TaskDefinition::work`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub component: Option<ComponentRef>,
        /// A script, in place of a component.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub script: Option<ScriptDefinition>,
        /// A run of another dag, in place of a component.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub run_dag: Option<RunDagDefinition>,
        /// A question to a person, in place of a component.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub approval: Option<ApprovalDefinition>,
        /// Which of its typed functions: `interface#function`, as short as it is unambiguous. Not needed where it exports only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub function: Option<String>,
        /// Arguments, for a component of the `wasi:cli/command` world.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub args: Vec<String>,
        /// Environment variables, for a component of the `wasi:cli/command` world.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub env: BTreeMap<String, String>,
        /// Its input: JSON, in which `$from`, `$conf` and `$param` stand for what earlier tasks returned and what the run
        /// was given; `{}` when not given. See [`InputTemplate`](crate::plan::InputTemplate).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub input: Option<Value>,
        /// What it is mapped over: it runs once for each item, with a `map_index`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub expand: Option<ExpandDefinition>,
        /// What each instance of a mapped task is called, beside its `map_index`: a template, which knows the instance's `input`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub map_index_template: Option<String>,
        /// The tasks and groups that it waits for, besides those that its input names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub depends_on: Vec<TaskId>,
        /// The group that it is in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub group: Option<GroupName>,
        /// Whether its result chooses among the tasks that wait for it directly.
        #[serde(default, skip_serializing_if = "is_false")]
        pub branch: bool,
        /// Whether a falsy result of it skips what follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub short_circuit: Option<ShortCircuitDefinition>,
        /// Whether it prepares something for a teardown.
        #[serde(default, skip_serializing_if = "is_false")]
        pub setup: bool,
        /// Whether it removes what setups have prepared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub teardown: Option<TeardownDefinition>,
        /// How many instances of it may be queued or run at once, over all runs of the dag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_active: Option<u32>,
        /// Instances with the same key, of whatever task or dag, run one at a time: a text, `$conf` or `$param`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub concurrency_key: Option<Value>,
        /// How many instances with the same key may run at once; 1 when not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub concurrency_limit: Option<u32>,
        /// The assets that have changed when it succeeds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub produces: Vec<Produced>,
        /// Documentation in Markdown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub doc: Option<String>,
    }
}

impl TaskSettings {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The retry policy that these settings make.
    #[must_use]
    pub fn retry_policy(&self) -> RetryPolicy {
        let default = RetryPolicy::default();
        RetryPolicy {
            max_tries: self.retries.unwrap_or(0).saturating_add(1),
            delay_ms: self.retry_delay.map_or(default.delay_ms, TimeSpan::ms),
            backoff: match self.retry_backoff.unwrap_or_default() {
                RetryBackoff::Constant => Backoff::Constant,
                RetryBackoff::Exponential => Backoff::Exponential { factor: 2.0 },
            },
            max_delay_ms: self.max_retry_delay.map_or(default.max_delay_ms, TimeSpan::ms),
            jitter: self.retry_jitter.unwrap_or(default.jitter),
            retry_on: self.retry_on.clone(),
        }
    }

    /// The limits of a try that these settings make, before those of the dag and of the tenant.
    #[must_use]
    pub fn effective_limits(&self) -> Limits {
        let mut limits = self.limits.as_ref().map_or_else(Limits::default, |given| given.over(Limits::default()));
        if let Some(timeout) = self.timeout {
            limits.wall_ms = timeout.ms();
        }
        limits
    }
}

/// Whether later retries wait longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryBackoff {
    /// All wait equally long.
    #[default]
    Constant,
    /// Each waits twice as long as the one before.
    Exponential,
}

/// What a try may use, as a user writes it. What is not given has the default of [`Limits`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsDefinition {
    /// Units of fuel: about one for each WebAssembly instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// What is kept of stdout, and as much of stderr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ByteSize>,
    /// What is kept of log messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<ByteSize>,
    /// The size of the result and of each XCom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ByteSize>,
    /// Elements of all tables together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u64>,
    /// Core instances of one component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
    /// Handles (streams, pollables, …) held at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<u32>,
    /// HTTP requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_calls: Option<u32>,
    /// All HTTP requests and responses together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_bytes: Option<ByteSize>,
    /// The scratch directory, when the grant has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ByteSize>,
    /// The checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<ByteSize>,
    /// All artifacts of a try together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_bytes: Option<ByteSize>,
    /// Artifacts of a try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<u32>,
}

impl LimitsDefinition {
    /// Limits, each lowered to what is given here where that is smaller.
    #[must_use]
    pub fn tighten(&self, limits: &Limits) -> Limits {
        limits.tightened_by(&self.over(Limits::hard_caps()))
    }

    fn or(&self, fallback: &Self) -> Self {
        Self {
            fuel: self.fuel.or(fallback.fuel),
            memory: self.memory.or(fallback.memory),
            output: self.output.or(fallback.output),
            log: self.log.or(fallback.log),
            result: self.result.or(fallback.result),
            table_elements: self.table_elements.or(fallback.table_elements),
            instances: self.instances.or(fallback.instances),
            handles: self.handles.or(fallback.handles),
            http_calls: self.http_calls.or(fallback.http_calls),
            http_bytes: self.http_bytes.or(fallback.http_bytes),
            scratch: self.scratch.or(fallback.scratch),
            checkpoint: self.checkpoint.or(fallback.checkpoint),
            artifact_bytes: self.artifact_bytes.or(fallback.artifact_bytes),
            artifacts: self.artifacts.or(fallback.artifacts),
        }
    }

    /// These limits, and of what is not given the default.
    #[must_use]
    pub fn over(&self, default: Limits) -> Limits {
        Limits {
            fuel: self.fuel.unwrap_or(default.fuel),
            memory_bytes: self.memory.map_or(default.memory_bytes, ByteSize::bytes),
            wall_ms: default.wall_ms,
            output_bytes: self.output.map_or(default.output_bytes, ByteSize::bytes),
            log_bytes: self.log.map_or(default.log_bytes, ByteSize::bytes),
            result_bytes: self.result.map_or(default.result_bytes, ByteSize::bytes),
            table_elements: self.table_elements.unwrap_or(default.table_elements),
            instances: self.instances.unwrap_or(default.instances),
            handles: self.handles.unwrap_or(default.handles),
            http_calls: self.http_calls.unwrap_or(default.http_calls),
            http_bytes: self.http_bytes.map_or(default.http_bytes, ByteSize::bytes),
            scratch_bytes: self.scratch.map_or(default.scratch_bytes, ByteSize::bytes),
            checkpoint_bytes: self.checkpoint.map_or(default.checkpoint_bytes, ByteSize::bytes),
            artifact_bytes: self.artifact_bytes.map_or(default.artifact_bytes, ByteSize::bytes),
            artifacts: self.artifacts.unwrap_or(default.artifacts),
        }
    }
}

/// A date, a date with a time, or a moment with its offset (RFC 3339). The first two are meant in the dag's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    /// With an offset: `2026-11-21T06:00:00Z`.
    Absolute(DateTime<Utc>),
    /// Without: `2026-11-21`, `2026-11-21T06:00:00`.
    Local(NaiveDateTime),
}

/// A date that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a date of the years 1 to 9999: write for example \"2026-11-21\", \"2026-11-21T06:00:00\" or \"2026-11-21T06:00:00+01:00\""
)]
pub struct MomentError(String);

impl Moment {
    /// The moment in a time zone. A local time that the clocks skip becomes the first one after; of one that comes twice,
    /// the first is meant.
    #[must_use]
    pub fn resolve(self, timezone: Tz) -> DateTime<Utc> {
        match self {
            Self::Absolute(time) => time,
            Self::Local(local) => {
                // No zone skips more than a day (Samoa skipped one in 2011).
                let minutes = (0..=24 * 60).map(|minute| local + chrono::Duration::minutes(minute));
                let found = minutes.filter_map(|time| timezone.from_local_datetime(&time).earliest()).next();
                found.map_or_else(|| local.and_utc(), |time| time.with_timezone(&Utc))
            }
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let error = || MomentError(text.to_owned());
        // Far from the ends of chrono's calendar, so that no time zone leads beyond them.
        let in_range = |year: i32| if (1..=9999).contains(&year) { Ok(()) } else { Err(error()) };
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            let time = time.with_timezone(&Utc);
            in_range(time.year())?;
            return Ok(Self::Absolute(time));
        }
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
        let time = time.or_else(date).ok_or_else(error)?;
        in_range(time.year())?;
        Ok(Self::Local(time))
    }
}

impl TryFrom<String> for Moment {
    type Error = MomentError;

    fn try_from(text: String) -> Result<Self, MomentError> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Absolute(time) => time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            Moment::Local(time) => time.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        }
    }
}

impl DagDefinition {
    /// The limits of a try with these settings, before those of the tenant.
    pub(crate) fn limits_of(&self, settings: &TaskSettings) -> Limits {
        let limits = settings.effective_limits();
        match &self.limits {
            Some(of_dag) => of_dag.tighten(&limits),
            None => limits,
        }
    }

    /// The components that its tasks and callbacks run, each once.
    #[must_use]
    pub fn components(&self) -> Vec<ComponentRef> {
        let of_callbacks = self.callbacks().into_iter().filter_map(|placed| placed.callback.component.clone());
        let mut found: Vec<_> = self.tasks.iter().filter_map(|task| task.component.clone()).chain(of_callbacks).collect();
        found.sort();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
