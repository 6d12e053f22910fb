//! What reconcilers have to look at.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::TaskInstanceId;
use uuid::Uuid;

/// Task instances whose time to be looked at has come, the longest overdue first. Not locked: look again under the lock.
///
/// # Errors
/// When the database cannot be reached.
pub async fn due(tx: &mut Tx<'_>, now: DateTime<Utc>, limit: i64) -> Result<Vec<TaskInstanceId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT instance_id FROM task_instances WHERE attend_at <= $1 ORDER BY attend_at LIMIT $2",
        now,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(TaskInstanceId::from_uuid).collect())
}

/// Sets when locked instances are to be looked at again, without changing them otherwise.
///
/// # Errors
/// When the database cannot be reached.
pub async fn postpone(tx: &mut Tx<'_>, instances: &[TaskInstanceId], until: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.uuid()).collect();
    sqlx::query!("UPDATE task_instances SET attend_at = $2 WHERE instance_id = ANY($1) AND attend_at IS NOT NULL", &ids, until)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Has every queued and running instance looked at now: the queue is known to have lost what it held.
///
/// # Errors
/// When the database cannot be reached.
pub async fn recall_all(tx: &mut Tx<'_>, now: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(sqlx::query!(
        r#"
        UPDATE task_instances SET attend_at = $1 WHERE instance_id IN (
            SELECT instance_id FROM task_instances WHERE attend_at > $1 AND state IN ('queued', 'running', 'restarting')
            ORDER BY instance_id FOR UPDATE SKIP LOCKED)
        "#,
        now
    )
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// When the next instance is to be looked at.
///
/// # Errors
/// When the database cannot be reached.
pub async fn earliest(tx: &mut Tx<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!("SELECT min(attend_at) FROM task_instances WHERE attend_at IS NOT NULL").fetch_one(tx.conn()).await?)
}

/// Instances of the tenant that wait for this event, in order of their ids, from the one after `after` on.
///
/// # Errors
/// When the database cannot be reached.
pub async fn deferred(
    tx: &mut Tx<'_>,
    event: &str,
    after: Option<TaskInstanceId>,
    limit: i64,
) -> Result<Vec<TaskInstanceId>, StoreError> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        r#"
        SELECT instance_id FROM task_instances
        WHERE tenant_id = $1 AND deferred_event = $2 AND ($3::uuid IS NULL OR instance_id > $3)
        ORDER BY instance_id LIMIT $4
        "#,
        tenant,
        event,
        after.map(TaskInstanceId::uuid),
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(TaskInstanceId::from_uuid).collect())
}
