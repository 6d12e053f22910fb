//! Webhooks of dags: their secrets, sealed, and what they received lately.

use crate::read::row_of;
use crate::{StoreError, Tx};
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
pub async fn get(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<Webhook, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT w.created_at, w.updated_at, w.last_received_at FROM webhooks w JOIN dags d USING (tenant_id, dag_key)
        WHERE d.tenant_id = $1 AND d.dag_id = $2
        "#,
        tenant,
        dag_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("webhook of the dag", dag_id))?;
    Ok(Webhook {
        dag_id: dag_id.clone(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        last_received_at: row.last_received_at,
    })
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
