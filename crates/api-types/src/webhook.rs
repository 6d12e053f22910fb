use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagRunId};
use serde::{Deserialize, Serialize};

/// The webhook of a dag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// The dag.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub dag_id: DagId,
    /// Where events are sent, below the address of the server.
    pub path: String,
    /// What they are signed with; told once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When the webhook was made.
    pub created_at: DateTime<Utc>,
    /// When it got its secret.
    pub updated_at: DateTime<Utc>,
    /// When it received something last.
    pub last_received_at: Option<DateTime<Utc>>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookOutcome {
    /// It made a run.
    Made,
    /// It came before.
    Duplicate,
    /// It made none: another run is not finished, and the dag's `overlap` is `skip`.
    LeftOut,
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookAnswer {
    /// What became of it.
    pub outcome: WebhookOutcome,
    /// The run that it made, now or when it came before.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
}
