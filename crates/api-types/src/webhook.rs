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
    /// How many events it received within the last day; one that came several times counts once.
    #[serde(default)]
    pub events_last_day: u64,
    /// How many requests it refused since it was made.
    #[serde(default)]
    pub refused: u64,
    /// When it refused one last.
    #[serde(default)]
    pub last_refused_at: Option<DateTime<Utc>>,
    /// Why that was.
    #[serde(default)]
    pub last_refusal: Option<WebhookRefusal>,
}

/// Why a request to a webhook was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookRefusal {
    /// A header of the signature is missing, or is none.
    Headers,
    /// It was signed too long ago, or in the future.
    Time,
    /// The signature is wrong.
    Signature,
    /// The body is no event.
    Body,
    /// Too many came within a minute.
    TooMany,
}

impl WebhookRefusal {
    /// The reason as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Time => "time",
            Self::Signature => "signature",
            Self::Body => "body",
            Self::TooMany => "too_many",
        }
    }
}

/// Webhooks of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookCollection {
    /// The webhooks, without their secrets.
    pub webhooks: Vec<Webhook>,
    /// How many there are.
    pub total_entries: u64,
}

/// The query of `GET /webhooks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct WebhookListQuery {
    /// The most to answer with, from 1 to 1000.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// `dag_id` (the default), `created_at`, `last_received_at`, `refused` or `last_refused_at`, with `-` before it for the other
    /// direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Only those of dags whose name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_id_pattern: Option<String>,
}

impl Default for WebhookListQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, order_by: None, dag_id_pattern: None }
    }
}

/// An event that a webhook received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookDelivery {
    /// Its id, as the sender says it; of a CloudEvent its source and id.
    pub event_id: String,
    /// When it came first.
    pub received_at: DateTime<Utc>,
    /// The run that it made; null when it made none, or the run was deleted.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dag_run_id: Option<DagRunId>,
}

/// Events that a webhook received within the last day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookDeliveryCollection {
    /// The events, the latest first.
    pub deliveries: Vec<WebhookDelivery>,
    /// How many there are.
    pub total_entries: u64,
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
