//! What a worker needs to run one try: the message of the queue. It carries everything, so that no read of PostgreSQL
//! stands between the claim and the first instruction.

use crate::egress::PrivateTarget;
use crate::grant::Grant;
use crate::limits::Limits;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, DagVersionId, Digest, RunKey, TaskId, TaskInstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One try of one task instance, ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The tenant whose task it is.
    pub tenant: TenantId,
    /// The run it belongs to.
    pub run: RunKey,
    /// The dag version that the run is pinned to.
    pub dag_version: DagVersionId,
    /// The task instance.
    pub instance: TaskInstanceId,
    /// Position of the task in its dag version.
    pub task_index: i32,
    /// What the task can learn of itself.
    pub context: TaskContext,
    /// What to run.
    pub target: Target,
    /// The input: JSON.
    pub input: Value,
    /// What it may use.
    pub limits: Limits,
    /// Whether something was filled in that is to be kept for people to look at.
    #[serde(default, skip_serializing_if = "is_false")]
    pub filled_in: bool,
    /// What the instance of a mapped task is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may reach.
    #[serde(default)]
    pub grant: Grant,
    /// Targets outside of the public internet that its tenant may reach, when the grant names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private_targets: Vec<PrivateTarget>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Which code a task runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The component, by the digest of its bytes.
    pub digest: Digest,
    /// Which of its exports, and how it is called.
    pub entry: Entry,
}

/// How a component is entered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The `run` export of world `cofferdam:task/task`: JSON in, JSON or `task-error` out.
    Task,
    /// A `wasi:cli/command`: arguments, environment, input JSON on stdin, JSON on stdout.
    Command {
        /// The arguments, without the program's name.
        #[serde(default)]
        args: Vec<String>,
        /// Environment variables.
        #[serde(default)]
        env: Vec<(String, String)>,
    },
    /// A function with ordinary WIT types: an object with one key for each parameter in, its result as JSON out.
    Function {
        /// The interface that it belongs to, as the component exports it, version included. None for one of the world itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interface: Option<String>,
        /// Its name.
        function: String,
    },
}

impl Entry {
    /// `interface#function` of a typed function.
    #[must_use]
    pub fn function_path(&self) -> Option<String> {
        match self {
            Self::Task | Self::Command { .. } => None,
            Self::Function { interface: Some(interface), function } => Some(format!("{interface}#{function}")),
            Self::Function { interface: None, function } => Some(function.clone()),
        }
    }
}

/// What a task can learn of itself: the interface `cofferdam:task/context`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskContext {
    /// The dag.
    pub dag_id: DagId,
    /// The run.
    pub dag_run_id: DagRunId,
    /// The task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The try, counted from 1.
    pub try_number: u32,
    /// How many tries there are at the most.
    pub max_tries: u32,
    /// The moment that the run is for (Airflow's `logical_date`).
    pub logical_date: DateTime<Utc>,
    /// Start of the interval of data that the run covers.
    pub data_interval_start: DateTime<Utc>,
    /// End of that interval.
    pub data_interval_end: DateTime<Utc>,
    /// What the run was triggered with: a JSON object.
    pub conf: Arc<Value>,
}

impl TaskContext {
    /// A text that is the same for each try of a task instance and of nothing else: for making side effects idempotent.
    #[must_use]
    pub fn idempotency_key(&self, instance: TaskInstanceId) -> String {
        format!("{}/{}/{}/{}", self.dag_id, self.dag_run_id, self.task_id, instance)
    }
}

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JobDecodeError {
    /// It is not one of ours.
    #[error("the message is not valid JSON of a job")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a later version of Cofferdam.
    #[error("the message has version {found}; this worker reads versions up to {newest}: upgrade the worker")]
    TooNew {
        /// Its version.
        found: u32,
        /// The newest that can be read.
        newest: u32,
    },
}

/// The version that [`Job::encode`] writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Sealed<'a> {
    v: u32,
    job: &'a Job,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

#[derive(Deserialize)]
struct Opened {
    job: Job,
}

impl Job {
    /// The bytes that go into the queue. They carry a version.
    ///
    /// # Panics
    /// Never: a job is always JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Sealed { v: VERSION, job: self }).expect("a job has only string keys")
    }

    /// Reads what [`Job::encode`] wrote, in this or an earlier version.
    ///
    /// # Errors
    /// When the bytes are no job, or one of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, JobDecodeError> {
        let VersionOnly { v } = serde_json::from_slice(bytes)?;
        if v > VERSION {
            return Err(JobDecodeError::TooNew { found: v, newest: VERSION });
        }
        Ok(serde_json::from_slice::<Opened>(bytes)?.job)
    }
}
