use crate::{LogLine, Reason, Receipt, TryEnding};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The body of `POST /components/{name}/versions/{digest}/try`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TryFunction {
    /// Which function: `interface#function`, as short as it is unambiguous. Not needed where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The input; `{}` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub input: Option<Value>,
    /// Arguments, for a program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables, for a program.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// The dags that a workflow component wrote down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkflowDefined {
    /// Their definitions, in order. They were not checked.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub definitions: Vec<Value>,
    /// What it printed.
    pub output: String,
    /// What it used.
    pub receipt: Receipt,
}

/// What became of it. Nothing of it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FunctionTried {
    /// How it ended.
    pub ending: TryEnding,
    /// Why it failed, or was skipped.
    pub reason: Option<Reason>,
    /// What it said: its error, why it would be skipped, or the event that it would wait for.
    pub message: Option<String>,
    /// Milliseconds after which it would run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// Its result.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub output: Option<Value>,
    /// What it pushed as XComs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub xcoms: BTreeMap<String, Value>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// What it used.
    pub receipt: Receipt,
}
