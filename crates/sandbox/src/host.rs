//! What a sandbox needs from around it: somebody who keeps its output and fetches its XComs.

use async_trait::async_trait;
use cofferdam_ids::{TaskId, XComKey};
use serde::{Deserialize, Serialize};

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

    /// Takes a report of progress: a fraction from 0 to 1, and what is being done.
    fn progress(&self, fraction: f64, message: &str);
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
