use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The task's standard output.
    Stdout,
    /// The task's standard error.
    Stderr,
    /// The task's log interface, or a notice of the sandbox.
    Log,
    /// Cofferdam itself: how the try began and ended, what was cut off.
    System,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
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

/// One line of the log of a try. Stored and sent as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Where it comes from.
    pub stream: LogStream,
    /// How much it matters.
    pub level: LogLevel,
    /// The text, without its line end. It may hold terminal escapes.
    pub message: String,
    /// Names and values given with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub fields: Map<String, Value>,
}

/// The query of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// How many lines to pass over.
    pub offset: u64,
    /// The most lines to answer with, when the log is not followed; 10,000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Goes on until the try ends. The answer is a stream of [`LogFrame`]s: server-sent events when `Accept` is
    /// `text/event-stream`, else JSON lines.
    pub follow: bool,
    /// All lines at once (Airflow's parameter).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::page::flag")]
    pub full_content: Option<bool>,
    /// The `continuation_token` of the answer before (Airflow's parameter).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Position in a mapped task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_index: Option<i32>,
}

/// A part of a log: the answer when it is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// How many lines come before those that would follow: the next `offset`.
    pub next_offset: u64,
    /// Whether the try has ended and these are the last lines.
    pub complete: bool,
    /// The lines as text, as Airflow has them; only for who asks in its way, without `offset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What to give as `token` for the lines that follow; only with `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
}

/// One element of a followed log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogFrame {
    /// Some lines (SSE event `lines`; its id is `next_offset`).
    Lines {
        /// The lines.
        lines: Vec<LogLine>,
        /// How many lines there are up to and including these.
        next_offset: u64,
    },
    /// The try has ended; nothing follows (SSE event `end`).
    End {
        /// How many lines there are.
        next_offset: u64,
    },
}
