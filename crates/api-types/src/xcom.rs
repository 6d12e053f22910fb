use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId, XComKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a task left for others, without the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct XComEntry {
    /// Its key; `return_value` is what the task returned.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub key: XComKey,
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
    /// Bytes of the value as JSON.
    pub size_bytes: u64,
    /// When it was written (Airflow's name for it).
    pub timestamp: DateTime<Utc>,
    /// The moment that the run is for (Airflow's name for it).
    #[serde(default)]
    pub execution_date: DateTime<Utc>,
}

/// A list of XComs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct XComCollection {
    /// The entries, by key.
    pub xcom_entries: Vec<XComEntry>,
    /// How many there are.
    pub total_entries: u64,
}

/// What a task left for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct XCom {
    /// Which one it is.
    #[serde(flatten)]
    pub entry: XComEntry,
    /// The value, as JSON.
    #[cfg_attr(feature = "schema", schema(value_type = Value))]
    pub value: Value,
}
