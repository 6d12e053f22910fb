use crate::DagRunState;
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A task that produces an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProducingTask {
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// The task.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub task_id: TaskId,
}

/// A dag that waits for an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConsumingDag {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
}

/// An asset: something that tasks produce and dags wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Asset {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub uri: String,
    /// When it was named first.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub last_event_at: Option<DateTime<Utc>>,
    /// The tasks that produce it.
    pub producing_tasks: Vec<ProducingTask>,
    /// The dags that wait for it.
    pub consuming_dags: Vec<ConsumingDag>,
}

/// A list of assets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetCollection {
    /// The assets, by name.
    pub assets: Vec<Asset>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /assets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct AssetListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only those whose name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri_pattern: Option<String>,
    /// `uri` (the default), `created_at` or `last_event_at`, with `-` before it for the other direction. One that has never changed stands
    /// where it would if it had changed when it became known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for AssetListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, uri_pattern: None, order_by: None }
    }
}

/// A run that an event made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedDagRun {
    /// Its dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub run_id: DagRunId,
    /// Its state.
    pub state: DagRunState,
}

/// A change of an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetEvent {
    /// Its number.
    pub id: i64,
    /// The asset's number.
    pub asset_id: i64,
    /// The asset.
    pub uri: String,
    /// When.
    pub timestamp: DateTime<Utc>,
    /// What was said of it.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra: Option<Value>,
    /// The dag that produced it; nothing when somebody told it over the API.
    pub source_dag_id: Option<String>,
    /// Its run.
    pub source_run_id: Option<String>,
    /// The task.
    pub source_task_id: Option<String>,
    /// Its place in a mapped task, or -1.
    pub source_map_index: i32,
    /// The runs that it made.
    pub created_dagruns: Vec<CreatedDagRun>,
}

/// A list of changes of assets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetEventCollection {
    /// The events, the latest first.
    pub asset_events: Vec<AssetEvent>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /assets/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct AssetEventListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// Only those of this asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Only those that a task of this dag produced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_dag_id: Option<String>,
    /// `timestamp`, `source_dag_id`, `source_task_id` or `source_run_id`, with `-` before it for the other direction; left out, the latest
    /// first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
}

impl Default for AssetEventListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, uri: None, source_dag_id: None, order_by: None }
    }
}

/// `POST /assets/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAssetEvent {
    /// The asset.
    pub uri: String,
    /// What is said of it: any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra: Option<Value>,
}

/// `GET /assets/graph`: which tasks produce which assets, and which dags wait for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetGraph {
    /// The assets and dags.
    pub nodes: Vec<AssetGraphNode>,
    /// From a dag to what it produces, and from an asset to the dags that wait for it.
    pub edges: Vec<AssetGraphEdge>,
}

/// What a node of the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssetGraphKind {
    /// An asset.
    Asset,
    /// A dag.
    Dag,
}

/// An asset or a dag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetGraphNode {
    /// `asset:` or `dag:` and the name.
    pub id: String,
    /// What it is.
    pub kind: AssetGraphKind,
    /// The name.
    pub label: String,
}

/// Something leads from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AssetGraphEdge {
    /// From this node.
    pub source: String,
    /// To this one.
    pub target: String,
}
