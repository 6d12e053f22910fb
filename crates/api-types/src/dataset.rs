//! Assets as Airflow 2 has them: datasets.

use crate::DagRunState;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An asset, as Airflow's clients read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Dataset {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub uri: String,
    /// Always nothing: assets have no attributes.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra: Option<Map<String, Value>>,
    /// When it was named first.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// The dags that wait for it.
    pub consuming_dags: Vec<DatasetConsumer>,
    /// The tasks that produce it.
    pub producing_tasks: Vec<DatasetProducer>,
}

/// A dag that waits for a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetConsumer {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// When the dataset was named first.
    pub created_at: DateTime<Utc>,
    /// The same.
    pub updated_at: DateTime<Utc>,
}

/// A task that produces a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetProducer {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
    /// When the dataset was named first.
    pub created_at: DateTime<Utc>,
    /// The same.
    pub updated_at: DateTime<Utc>,
}

/// `GET /datasets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetCollection {
    /// The datasets.
    pub datasets: Vec<Dataset>,
    /// How many there are.
    pub total_entries: u64,
}

/// A change of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetEvent {
    /// The number of the dataset.
    pub dataset_id: i64,
    /// The dataset.
    pub dataset_uri: String,
    /// What was said of it: an object; what is none stands in it under `value`.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra: Option<Map<String, Value>>,
    /// The dag that produced it.
    pub source_dag_id: Option<String>,
    /// The task.
    pub source_task_id: Option<String>,
    /// The run.
    pub source_run_id: Option<String>,
    /// Its place in a mapped task, or -1.
    pub source_map_index: i32,
    /// The runs that it made.
    pub created_dagruns: Vec<DatasetDagRun>,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// A run that a change of a dataset made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetDagRun {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The run.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub run_id: DagRunId,
    /// Its state.
    pub state: DagRunState,
}

/// A list of changes of datasets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DatasetEventCollection {
    /// The events.
    pub dataset_events: Vec<DatasetEvent>,
    /// How many there are.
    pub total_entries: u64,
}

/// `POST /datasets/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateDatasetEvent {
    /// The dataset.
    pub dataset_uri: String,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra: Option<Map<String, Value>>,
}

/// A change of a dataset for which a dag has not run yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QueuedEvent {
    /// The dataset.
    pub uri: String,
    /// The dag that waits.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// When it changed first since the dag's last run.
    pub created_at: DateTime<Utc>,
}

/// A list of changes for which dags have not run yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QueuedEventCollection {
    /// The events, by dataset and dag.
    pub queued_events: Vec<QueuedEvent>,
    /// How many there are.
    pub total_entries: u64,
}
