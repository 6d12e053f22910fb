use chrono::{DateTime, Utc};
use cofferdam_ids::{QueueName, WorkerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a part works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Healthy,
    /// It works, and not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// `GET /health/live` and `GET /health/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Health {
    /// Whether it works.
    pub status: HealthStatus,
}

/// A part that was asked whether it works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CheckedPart {
    /// Whether it works.
    pub status: HealthStatus,
    /// Milliseconds until it answered.
    pub latency_ms: f64,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A worker that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkerSummary {
    /// Its id.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Uuid))]
    pub worker_id: WorkerId,
    /// Its host and process.
    pub name: String,
    /// The queues that it serves.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub queues: Vec<QueueName>,
    /// Sandboxes that it can hold.
    pub slots: u32,
    /// Sandboxes that it holds.
    pub busy: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Whether it takes no more work.
    pub draining: bool,
    /// What its process gave up, besides the walls of the sandbox; whether tenants have processes of their own; and what the
    /// machine offers to sandboxes.
    #[serde(default)]
    pub walls: Vec<WorkerWall>,
}

/// Something that a worker's process gave up before it ran anything, or could not give up, or has or lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkerWall {
    /// Its name: `capabilities`, `no_new_privileges`, `files`, `system_calls`; `processes`; `memory_protection_keys`,
    /// `pagemap_scan`.
    pub name: String,
    /// Whether it holds.
    pub active: bool,
    /// What it means, or why it does not hold.
    pub detail: String,
}

/// `GET /health/deep`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepHealth {
    /// The worst of the parts.
    pub status: HealthStatus,
    /// Cofferdam's version.
    pub version: String,
    /// `database`, `queue`, `objects`.
    pub checks: BTreeMap<String, CheckedPart>,
    /// The workers alive.
    pub workers: Vec<WorkerSummary>,
}

/// `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VersionInfo {
    /// Cofferdam's version.
    pub version: String,
    /// What compiled code must match to be loaded by the workers of this version.
    pub engine: String,
    /// Nothing (Airflow's field).
    #[serde(default)]
    pub git_version: Option<String>,
}
