//! Scheduler processes. They serve every tenant, so their rows have none; the API may read them, only the system writes them.

use crate::{Store, StoreError, Tx};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// One that was not heard of for so long is forgotten.
const LOST: TimeDelta = TimeDelta::days(1);

/// Notes that a scheduler is at work, and forgets those that were lost long ago.
///
/// # Errors
/// When the database cannot be reached.
pub async fn seen(tx: &mut Tx<'_>, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        INSERT INTO schedulers (scheduler_id, started_at, last_seen_at) VALUES ($1, $2, $2)
        ON CONFLICT (scheduler_id) DO UPDATE SET last_seen_at = greatest(schedulers.last_seen_at, excluded.last_seen_at)
        "#,
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("DELETE FROM schedulers WHERE last_seen_at < $1", now - LOST).execute(tx.conn()).await?;
    Ok(())
}

/// Forgets a scheduler that ends.
///
/// # Errors
/// When the database cannot be reached.
pub async fn gone(tx: &mut Tx<'_>, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM schedulers WHERE scheduler_id = $1", id).execute(tx.conn()).await?;
    Ok(())
}

/// When a scheduler was heard of last.
///
/// # Errors
/// When the database cannot be reached.
pub async fn last_seen(store: &Store) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut tx = store.begin_without_tenant("health").await?;
    Ok(sqlx::query_scalar!("SELECT max(last_seen_at) FROM schedulers").fetch_one(tx.conn()).await?)
}
