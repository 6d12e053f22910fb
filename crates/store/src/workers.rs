//! Worker processes. They serve every tenant, so their rows have none; the API may read them, only the system writes them.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{QueueName, WorkerId};

/// A worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id, new at each start.
    pub id: WorkerId,
    /// Its host and process.
    pub name: String,
    /// The version of Cofferdam that it runs.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// Sandboxes that it can hold.
    pub slots: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub last_seen_at: DateTime<Utc>,
    /// When it said that it ends.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// A worker that starts.
#[derive(Clone, Debug)]
pub struct NewWorker {
    /// Its id.
    pub id: WorkerId,
    /// Its host and process.
    pub name: String,
    /// The version of Cofferdam that it runs.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// Sandboxes that it can hold.
    pub slots: u32,
}

/// Notes that a worker has started.
///
/// # Errors
/// When the database cannot be reached.
pub async fn register(tx: &mut Tx<'_>, new: &NewWorker, now: DateTime<Utc>) -> Result<(), StoreError> {
    let queues: Vec<String> = new.queues.iter().map(ToString::to_string).collect();
    sqlx::query!(
        r#"
        INSERT INTO workers (worker_id, name, version, queues, slots, started_at, last_seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        "#,
        new.id.uuid(),
        new.name,
        new.version,
        &queues,
        new.slots.cast_signed(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a worker is alive.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn seen(tx: &mut Tx<'_>, id: WorkerId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query!("UPDATE workers SET last_seen_at = greatest(last_seen_at, $2) WHERE worker_id = $1", id.uuid(), now)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("worker", id)) } else { Ok(()) }
}

/// Notes that a worker ends.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn stopped(tx: &mut Tx<'_>, id: WorkerId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query!("UPDATE workers SET stopped_at = coalesce(stopped_at, $2) WHERE worker_id = $1", id.uuid(), now)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::not_found("worker", id)) } else { Ok(()) }
}

/// The workers that were heard of since `since` and have not ended, the oldest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list_alive(tx: &mut Tx<'_>, since: DateTime<Utc>) -> Result<Vec<Worker>, StoreError> {
    sqlx::query!(
        r#"
        SELECT worker_id, name, version, queues, slots, started_at, last_seen_at, stopped_at
        FROM workers WHERE stopped_at IS NULL AND last_seen_at >= $1 ORDER BY worker_id
        "#,
        since
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("workers", row.worker_id);
        Ok(Worker {
            id: WorkerId::from_uuid(row.worker_id),
            name: row.name,
            version: row.version,
            queues: row.queues.iter().map(|name| origin.name("queues", name)).collect::<Result<_, _>>()?,
            slots: origin.number("slots", row.slots)?,
            started_at: row.started_at,
            last_seen_at: row.last_seen_at,
            stopped_at: row.stopped_at,
        })
    })
    .collect()
}

/// Forgets workers last heard of before `until`.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, until: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(sqlx::query!("DELETE FROM workers WHERE last_seen_at < $1", until).execute(tx.conn()).await?.rows_affected())
}
