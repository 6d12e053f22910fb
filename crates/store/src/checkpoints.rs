//! What task instances keep for their next try. Removed by the transition that ends the need for it, in
//! [`crate::execution::transition`].

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{LeaseToken, TaskInstanceId};

/// Where the bytes of a checkpoint are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredCheckpoint {
    /// Here.
    Inline(Vec<u8>),
    /// In the object of this name.
    Object(String),
}

/// Whether the try and lease that want to write are those that count: the rule of `domain/src/task/held.rs`, in SQL. The row
/// is locked against changes until the transaction ends.
async fn counts(tx: &mut Tx<'_>, instance: TaskInstanceId, try_number: u32, lease: LeaseToken) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let held = sqlx::query_scalar!(
        r#"
        SELECT 1 AS "held!" FROM task_instances
        WHERE tenant_id = $1 AND instance_id = $2 AND CASE
            WHEN state IN ('running', 'restarting') THEN try_number = $3 AND lease_token <= $4
            WHEN state IN ('scheduled', 'queued', 'up_for_reschedule') THEN try_number = $3 AND lease_token < $4
            WHEN state = 'up_for_retry' THEN try_number = $3 - 1 AND lease_token < $4
            ELSE false END
        FOR SHARE
        "#,
        tenant,
        instance.uuid(),
        try_number.cast_signed(),
        lease.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held.is_some())
}

/// Keeps a checkpoint in place of the one before. None when the try or its lease is not the one that counts, or a later
/// lease wrote already; otherwise the object that held the one before, if one did, and is not needed any more.
///
/// # Errors
/// When the database cannot be reached.
pub async fn save(
    tx: &mut Tx<'_>,
    instance: TaskInstanceId,
    try_number: u32,
    lease: LeaseToken,
    checkpoint: &StoredCheckpoint,
    size_bytes: u64,
    now: DateTime<Utc>,
) -> Result<Option<Option<String>>, StoreError> {
    if !counts(tx, instance, try_number, lease).await? {
        return Ok(None);
    }
    let tenant = tx.tenant();
    let (data, object) = match checkpoint {
        StoredCheckpoint::Inline(data) => (Some(data.as_slice()), None),
        StoredCheckpoint::Object(object) => (None, Some(object.as_str())),
    };
    let row = sqlx::query!(
        r#"
        WITH before AS (SELECT object FROM checkpoints WHERE tenant_id = $2 AND instance_id = $1)
        INSERT INTO checkpoints (instance_id, tenant_id, lease_token, data, object, size_bytes, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (instance_id) DO UPDATE
        SET lease_token = excluded.lease_token, data = excluded.data, object = excluded.object, size_bytes = excluded.size_bytes,
            updated_at = excluded.updated_at
        WHERE checkpoints.lease_token <= excluded.lease_token
        RETURNING (SELECT object FROM before) AS before
        "#,
        instance.uuid(),
        tenant,
        lease.0,
        data,
        object,
        i64::try_from(size_bytes).map_err(|_| StoreError::invalid("the checkpoint is too large"))?,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| row.before))
}

/// Forgets a checkpoint. Answers as [`save`].
///
/// # Errors
/// When the database cannot be reached.
pub async fn clear(
    tx: &mut Tx<'_>,
    instance: TaskInstanceId,
    try_number: u32,
    lease: LeaseToken,
) -> Result<Option<Option<String>>, StoreError> {
    if !counts(tx, instance, try_number, lease).await? {
        return Ok(None);
    }
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "DELETE FROM checkpoints WHERE tenant_id = $1 AND instance_id = $2 AND lease_token <= $3 RETURNING object",
        tenant,
        instance.uuid(),
        lease.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(Some(row.and_then(|row| row.object)))
}

/// The checkpoint of a task instance; none when there is none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn load(tx: &mut Tx<'_>, instance: TaskInstanceId) -> Result<Option<StoredCheckpoint>, StoreError> {
    let tenant = tx.tenant();
    let row =
        sqlx::query!("SELECT data, object FROM checkpoints WHERE tenant_id = $1 AND instance_id = $2", tenant, instance.uuid())
            .fetch_optional(tx.conn())
            .await?;
    let Some(row) = row else { return Ok(None) };
    let stored = row.data.map(StoredCheckpoint::Inline).or_else(|| row.object.map(StoredCheckpoint::Object));
    stored.map(Some).ok_or_else(|| StoreError::corrupt("checkpoints", "data", instance))
}
