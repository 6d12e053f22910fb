//! Webhooks of dags: their secrets, sealed, and what they received lately.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::seal::{KeyRing, Place};
use cofferdam_ids::{DagId, DagKey, DagRunId, RunKey, TenantId};
use uuid::Uuid;

/// How long an event is remembered, so that it makes no second run. Longer than a signature is valid.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// A webhook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its dag.
    pub dag_id: DagId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it got its secret.
    pub updated_at: DateTime<Utc>,
    /// When it received something last.
    pub last_received_at: Option<DateTime<Utc>>,
    /// How many events it received within the last day.
    pub events_last_day: u64,
    /// How many requests it refused since it was made.
    pub refused: u64,
    /// When it refused one last, and why.
    pub last_refusal: Option<(DateTime<Utc>, WebhookRefusal)>,
}

/// Why a request to a webhook was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Headers, Self::Time, Self::Signature, Self::Body, Self::TooMany];

    /// The word that is stored.
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

    /// What a stored word stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// By what a list of webhooks is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookField {
    /// The dag's name.
    #[default]
    Dag,
    /// When it was made.
    Made,
    /// When it received something last.
    LastReceived,
    /// How many requests it refused.
    Refused,
    /// When it refused one last.
    LastRefused,
}

impl WebhookField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dag => "dag",
            Self::Made => "made",
            Self::LastReceived => "last_received",
            Self::Refused => "refused",
            Self::LastRefused => "last_refused",
        }
    }
}

/// An event that was received lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, as the sender says it.
    pub event_id: String,
    /// When it came first.
    pub received_at: DateTime<Utc>,
    /// The run that it made, unless that was left out or has been deleted.
    pub dag_run_id: Option<DagRunId>,
}

struct Row {
    dag_key: Uuid,
    dag_id: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_received_at: Option<DateTime<Utc>>,
    events: i64,
    refused: i64,
    last_refused_at: Option<DateTime<Utc>>,
    last_refusal: Option<String>,
}

impl TryFrom<Row> for Webhook {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("webhooks", row.dag_key);
        let why = origin.known_if_set("last_refusal", row.last_refusal.as_deref(), WebhookRefusal::parse)?;
        Ok(Self {
            dag_id: row_of("dags", row.dag_key).name("dag_id", &row.dag_id)?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_received_at: row.last_received_at,
            events_last_day: origin.number("events", row.events)?,
            refused: origin.number("refused", row.refused)?,
            last_refusal: row.last_refused_at.zip(why),
        })
    }
}

/// Where the secret of a dag's webhook belongs.
pub(crate) fn place(tenant: TenantId, dag: &str) -> Place<'_> {
    Place { tenant, kind: "webhook", name: dag, field: "secret" }
}

/// Gives a dag a webhook, or its webhook another secret.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such dag.
pub async fn put(tx: &mut Tx<'_>, keys: &KeyRing, dag_id: &DagId, secret: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let dag = sqlx::query_scalar!("SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = $2", tenant, dag_id.as_str())
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(|| StoreError::not_found("dag", dag_id))?;
    let name = dag.to_string();
    let sealed = keys.seal(place(tx.context().tenant, &name), secret).map_err(|error| StoreError::invalid(error.to_string()))?;
    sqlx::query!(
        r#"
        INSERT INTO webhooks (tenant_id, dag_key, sealed, key_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
        ON CONFLICT (dag_key) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, updated_at = excluded.updated_at
        "#,
        tenant,
        dag,
        sealed,
        keys.current().to_string(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The webhook of a dag.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, dag_id: &DagId, now: DateTime<Utc>) -> Result<Webhook, StoreError> {
    let filter = Filter { dag_id: Some(dag_id.as_str()), pattern: None };
    let mut rows = read(tx, filter, Order::default(), Page::first(1), now).await?;
    rows.pop().ok_or_else(|| StoreError::not_found("webhook of the dag", dag_id))?.try_into()
}

/// The tenant's webhooks; with `pattern` those of dags whose name contains it.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    tx: &mut Tx<'_>,
    pattern: Option<&str>,
    order: Order<WebhookField>,
    page: Page,
    now: DateTime<Utc>,
) -> Result<Listed<Webhook>, StoreError> {
    let tenant = tx.tenant();
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM webhooks w JOIN dags d USING (tenant_id, dag_key)
        WHERE w.tenant_id = $1 AND ($2::text IS NULL OR strpos(lower(d.dag_id), lower($2)) > 0)
        "#,
        tenant,
        pattern,
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = read(tx, Filter { dag_id: None, pattern }, order, page, now).await?;
    let items = rows.into_iter().map(Webhook::try_from).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// Which webhooks are read.
struct Filter<'a> {
    dag_id: Option<&'a str>,
    pattern: Option<&'a str>,
}

async fn read(
    tx: &mut Tx<'_>,
    filter: Filter<'_>,
    order: Order<WebhookField>,
    page: Page,
    now: DateTime<Utc>,
) -> Result<Vec<Row>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        Row,
        r#"
        SELECT w.dag_key, d.dag_id, w.created_at, w.updated_at, w.last_received_at, w.refused, w.last_refused_at, w.last_refusal,
            (SELECT count(*) FROM webhook_deliveries e WHERE e.tenant_id = w.tenant_id AND e.dag_key = w.dag_key AND e.received_at > $4)
                AS "events!"
        FROM webhooks w JOIN dags d USING (tenant_id, dag_key)
        -- What they are ordered by, unless it is the name.
        CROSS JOIN LATERAL (SELECT CASE $5
            WHEN 'made' THEN extract(epoch FROM w.created_at)
            WHEN 'last_received' THEN extract(epoch FROM w.last_received_at)
            WHEN 'last_refused' THEN extract(epoch FROM w.last_refused_at)
            WHEN 'refused' THEN w.refused END AS number) k
        WHERE w.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2)
          AND ($3::text IS NULL OR strpos(lower(d.dag_id), lower($3)) > 0)
        ORDER BY CASE WHEN NOT $6 THEN k.number END, CASE WHEN $6 THEN k.number END DESC NULLS LAST,
            CASE WHEN $6 AND $5 = 'dag' THEN d.dag_id END DESC, d.dag_id
        LIMIT $7 OFFSET $8
        "#,
        tenant,
        filter.dag_id,
        filter.pattern,
        now - REMEMBERED,
        order.field.as_str(),
        order.backwards,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?)
}

/// The events that the webhook of a dag received within the last day, the latest first.
///
/// # Errors
/// [`StoreError::NotFound`] when the dag has no webhook.
pub async fn deliveries(tx: &mut Tx<'_>, dag_id: &DagId, page: Page, now: DateTime<Utc>) -> Result<Listed<Delivery>, StoreError> {
    let tenant = tx.tenant();
    let dag = sqlx::query_scalar!(
        "SELECT w.dag_key FROM webhooks w JOIN dags d USING (tenant_id, dag_key) WHERE d.tenant_id = $1 AND d.dag_id = $2",
        tenant,
        dag_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("webhook of the dag", dag_id))?;
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM webhook_deliveries WHERE tenant_id = $1 AND dag_key = $2 AND received_at > $3"#,
        tenant,
        dag,
        now - REMEMBERED,
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        SELECT e.event_id, e.received_at, r.dag_run_id AS "dag_run_id?"
        FROM webhook_deliveries e LEFT JOIN dag_runs r USING (run_key)
        WHERE e.tenant_id = $1 AND e.dag_key = $2 AND e.received_at > $3
        ORDER BY e.received_at DESC, e.event_id LIMIT $4 OFFSET $5
        "#,
        tenant,
        dag,
        now - REMEMBERED,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    let origin = row_of("dag_runs", dag);
    let items = rows.into_iter().map(|row| {
        let dag_run_id = row.dag_run_id.map(|run| origin.name("dag_run_id", &run)).transpose()?;
        Ok(Delivery { event_id: row.event_id, received_at: row.received_at, dag_run_id })
    });
    Ok(Listed { items: items.collect::<Result<_, StoreError>>()?, total: total.cast_unsigned() })
}

/// Notes that the webhook of a dag refused so many requests, the last one then and for that reason. Does nothing when it is gone.
///
/// # Errors
/// When the database cannot be reached.
pub async fn note_refusals(
    tx: &mut Tx<'_>,
    dag_id: &DagId,
    count: u64,
    last: (DateTime<Utc>, WebhookRefusal),
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        UPDATE webhooks w SET refused = w.refused + $3, last_refused_at = $4, last_refusal = $5
        FROM dags d WHERE d.dag_key = w.dag_key AND w.tenant_id = $1 AND d.tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str(),
        count.cast_signed(),
        last.0,
        last.1.as_str(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The secret of a dag's webhook; nothing when it has none.
///
/// # Errors
/// When it cannot be opened.
pub async fn secret(tx: &mut Tx<'_>, keys: &KeyRing, dag_id: &DagId) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT w.dag_key, w.sealed FROM webhooks w JOIN dags d USING (tenant_id, dag_key) WHERE d.tenant_id = $1 AND d.dag_id = $2",
        tenant,
        dag_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let name = row.dag_key.to_string();
    let opened = keys.open(place(tx.context().tenant, &name), &row.sealed);
    opened.map(Some).map_err(|error| {
        tracing::error!(dag.id = %dag_id, "the secret of a webhook cannot be opened: {error}");
        StoreError::corrupt("webhooks", "sealed", row.dag_key)
    })
}

/// Takes the webhook of a dag away.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let deleted = sqlx::query!(
        r#"
        DELETE FROM webhooks w USING dags d
        WHERE d.dag_key = w.dag_key AND w.tenant_id = $1 AND d.tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str(),
    )
    .execute(tx.conn())
    .await?;
    if deleted.rows_affected() == 0 { Err(StoreError::not_found("webhook of the dag", dag_id)) } else { Ok(()) }
}

/// Whether an event is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is: it is remembered from here on.
    New,
    /// It was received before, and made this run, unless that was left out or has been deleted.
    Before(Option<DagRunId>),
    /// Too many came within the last minute.
    TooMany,
}

/// Receives an event for a dag, which the transaction has locked.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn receive(
    tx: &mut Tx<'_>,
    dag: DagKey,
    event_id: &str,
    most_in_a_minute: i64,
    now: DateTime<Utc>,
) -> Result<Received, StoreError> {
    let tenant = tx.tenant();
    let before = sqlx::query!(
        r#"
        SELECT r.dag_run_id AS "dag_run_id?" FROM webhook_deliveries w LEFT JOIN dag_runs r USING (run_key)
        WHERE w.tenant_id = $1 AND w.dag_key = $2 AND w.event_id = $3
        "#,
        tenant,
        dag.uuid(),
        event_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(row) = before {
        let run = row.dag_run_id.map(|run| row_of("webhook_deliveries", dag.uuid()).name("run_key", &run)).transpose()?;
        return Ok(Received::Before(run));
    }
    let lately = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM webhook_deliveries WHERE tenant_id = $1 AND dag_key = $2 AND received_at > $3"#,
        tenant,
        dag.uuid(),
        now - TimeDelta::minutes(1),
    )
    .fetch_one(tx.conn())
    .await?;
    if lately >= most_in_a_minute {
        return Ok(Received::TooMany);
    }
    sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND dag_key = $2 AND received_at < $3",
        tenant,
        dag.uuid(),
        now - REMEMBERED,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO webhook_deliveries (tenant_id, dag_key, event_id, received_at) VALUES ($1, $2, $3, $4)",
        tenant,
        dag.uuid(),
        event_id,
        now,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("UPDATE webhooks SET last_received_at = $3 WHERE tenant_id = $1 AND dag_key = $2", tenant, dag.uuid(), now)
        .execute(tx.conn())
        .await?;
    Ok(Received::New)
}

/// Notes which run an event made.
///
/// # Errors
/// When the database cannot be reached.
pub async fn note_run(tx: &mut Tx<'_>, dag: DagKey, event_id: &str, run: RunKey) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE webhook_deliveries SET run_key = $4 WHERE tenant_id = $1 AND dag_key = $2 AND event_id = $3",
        tenant,
        dag.uuid(),
        event_id,
        run.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A sealed secret that is to be sealed anew: tenant, dag and bytes.
pub(crate) async fn sealed_by_others(
    tx: &mut Tx<'_>,
    current: &str,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid, Vec<u8>)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id, dag_key, sealed FROM webhooks WHERE key_id <> $1 AND (tenant_id, dag_key) > ($2, $3)
        ORDER BY tenant_id, dag_key LIMIT $4 FOR UPDATE
        "#,
        current,
        after.0,
        after.1,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.dag_key, row.sealed)).collect())
}

/// Replaces a sealed secret.
pub(crate) async fn reseal(tx: &mut Tx<'_>, dag: Uuid, sealed: &[u8], current: &str) -> Result<(), StoreError> {
    sqlx::query!("UPDATE webhooks SET sealed = $2, key_id = $3 WHERE dag_key = $1", dag, sealed, current)
        .execute(tx.conn())
        .await?;
    Ok(())
}
