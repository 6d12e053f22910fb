//! Answers kept under the `Idempotency-Key` of their requests, so that a request sent twice is done once.
//!
//! Begin it in a transaction of its own and commit that; do the work; then finish it, best in the transaction of the work.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// A request that has not answered for so long is taken to be lost, and may be sent again.
const LOST: TimeDelta = TimeDelta::seconds(60);

/// What is known of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Nothing: do the work, then call [`finish`].
    Fresh,
    /// The work was done: answer with this.
    Replay {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// The key came with another request before.
    Mismatch,
    /// The same request is at work.
    InProgress,
}

/// Takes a key for a request. `scope` is the endpoint, `request_hash` the SHA-256 of what was asked.
///
/// # Errors
/// [`StoreError::Invalid`] when the key is empty or longer than 255 characters.
pub async fn begin(
    tx: &mut Tx<'_>,
    scope: &str,
    key: &str,
    request_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Begun, StoreError> {
    let tenant = tx.tenant();
    // Where the row is there already, it is taken over only when its request was lost. A request at the same moment waits
    // here until this transaction ends.
    let taken = sqlx::query!(
        r#"
        INSERT INTO idempotency_keys (tenant_id, scope, key, request_hash, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, scope, key) DO UPDATE SET created_at = excluded.created_at
        WHERE idempotency_keys.status IS NULL AND idempotency_keys.created_at <= $6
          AND idempotency_keys.request_hash = excluded.request_hash
        "#,
        tenant,
        scope,
        key,
        request_hash.as_slice(),
        now,
        now - LOST
    )
    .execute(tx.conn())
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Begun::Fresh);
    }
    let row = sqlx::query!(
        "SELECT request_hash, status, body FROM idempotency_keys WHERE tenant_id = $1 AND scope = $2 AND key = $3",
        tenant,
        scope,
        key
    )
    .fetch_one(tx.conn())
    .await?;
    if row.request_hash != request_hash {
        return Ok(Begun::Mismatch);
    }
    match row.status {
        None => Ok(Begun::InProgress),
        Some(status) => {
            let status = row_of("idempotency_keys", tenant).number("status", status)?;
            Ok(Begun::Replay { status, body: row.body.unwrap_or(Value::Null) })
        }
    }
}

/// Keeps the answer for the next request with the key.
///
/// # Errors
/// [`StoreError::NotFound`] when the key was not begun.
pub async fn finish(tx: &mut Tx<'_>, scope: &str, key: &str, status: u16, body: &Value) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "UPDATE idempotency_keys SET status = $4, body = $5 WHERE tenant_id = $1 AND scope = $2 AND key = $3",
        tenant,
        scope,
        key,
        status.cast_signed(),
        body
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("idempotency key", key)) } else { Ok(()) }
}

/// Gives a key back after the work failed, so that the request can be sent again.
///
/// # Errors
/// When the database cannot be reached.
pub async fn abandon(tx: &mut Tx<'_>, scope: &str, key: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND scope = $2 AND key = $3 AND status IS NULL",
        tenant,
        scope,
        key
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets keys begun before `until`. Across tenants.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, until: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(sqlx::query!("DELETE FROM idempotency_keys WHERE created_at < $1", until).execute(tx.conn()).await?.rows_affected())
}
