//! What a sandbox needs from around it: somebody who keeps its output and fetches its XComs.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_ids::{ArtifactName, ConnectionId, TaskId, VariableKey, XComKey};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Answers what a running task asks for and takes what it says. A worker has one for each try; tests have simple ones.
///
/// `log` and `progress` are called on the thread that runs the guest, while it runs: they must only put the message
/// somewhere and return.
#[async_trait]
pub trait Host: Send + Sync {
    /// The value that a task of the same run left under a key; none when there is nothing.
    ///
    /// # Errors
    /// [`HostError::Denied`] is told to the task. [`HostError::Unavailable`] ends the try with the reason `internal`,
    /// so that it is tried again.
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, map_index: Option<i32>) -> Result<Option<String>, HostError>;

    /// Takes one line of output or one log message.
    fn log(&self, line: LogLine);

    /// The addresses that a host's name leads to, for a request that the grant allows. Whether they may be reached is
    /// decided afterwards.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }

    /// Takes a report of progress: a fraction from 0 to 1, and what is being done.
    fn progress(&self, fraction: f64, message: &str);

    /// The time now, from which the deadline of the try is told; none when the task is not told any.
    fn now(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// The value of a variable; none when there is no such variable. The caller has checked the grant.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn variable(&self, _key: &VariableKey) -> Result<Option<Variable>, HostError> {
        Err(HostError::not_offered("variables"))
    }

    /// A connection; none when there is no such connection. The caller has checked the grant.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn connection(&self, _id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        Err(HostError::not_offered("connections"))
    }

    /// Keeps a checkpoint of the task instance, or forgets it. What is kept is stored when this returns. False when the
    /// try's lease has gone to another: then nothing was changed.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn checkpoint_save(&self, _data: Option<Bytes>) -> Result<bool, HostError> {
        Err(HostError::not_offered("checkpoints"))
    }

    /// The checkpoint that was kept last; none when there is none.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        Err(HostError::not_offered("checkpoints"))
    }

    /// Begins to store the bytes of an artifact.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        Err(HostError::not_offered("artifacts"))
    }

    /// Opens an artifact that a task of the same run left; none when there is no such artifact.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn artifact_open(
        &self,
        _task_id: &TaskId,
        _map_index: Option<i32>,
        _name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        Err(HostError::not_offered("artifacts"))
    }

    /// The artifacts that a task of the same run left, in order of their names.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn artifacts(&self, _task_id: &TaskId, _map_index: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        Err(HostError::not_offered("artifacts"))
    }
}

/// Where the bytes of an artifact go. Dropped before [`ArtifactSink::finish`], it leaves nothing.
#[async_trait]
pub trait ArtifactSink: Send {
    /// Takes bytes, and returns when there is room for more.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn write(&mut self, data: Bytes) -> Result<(), HostError>;

    /// Stores what was written and says where it lies, in words of the host's own.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn finish(self: Box<Self>) -> Result<String, HostError>;
}

/// Where the bytes of an artifact come from.
#[async_trait]
pub trait ArtifactSource: Send {
    /// The next bytes, as many as are at hand and at most `max`; none at all at the end.
    ///
    /// # Errors
    /// As [`Host::xcom_pull`].
    async fn read(&mut self, max: usize) -> Result<Bytes, HostError>;
}

/// Why a [`Host`] gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The task may not have it.
    #[error("{0}")]
    Denied(String),
    /// Something behind the host (storage, network) failed.
    #[error("{0}")]
    Unavailable(String),
}

impl HostError {
    fn not_offered(what: &str) -> Self {
        Self::Denied(format!("there are no {what} where this task runs"))
    }
}

/// Where a line of a try's log comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The task's standard output.
    Stdout,
    /// The task's standard error.
    Stderr,
    /// The interface `cofferdam:task/log`, or a notice of the sandbox itself.
    Log,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Steps within a step.
    Trace,
    /// For whoever mends the task.
    Debug,
    /// What the task is doing. Lines of stdout and stderr have this level.
    Info,
    /// Something is off, and the task goes on.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a try's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Where it comes from.
    pub stream: Stream,
    /// How much it matters.
    pub level: Level,
    /// The text, without its line end. It may hold terminal escapes: strip them where they would do harm.
    pub message: String,
    /// Names and values given with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// A [`Host`] that knows no XComs and drops all output.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

#[async_trait]
impl Host for NoHost {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(None)
    }
    fn log(&self, _: LogLine) {}
    fn progress(&self, _: f64, _: &str) {}
}
