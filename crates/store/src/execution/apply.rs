//! Storing what `apply` compiled, and the switches of a dag.

use super::due::NextRun;
use crate::bundles::Origin;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagKey, DagVersionId, UserId};
use serde_json::Value;

/// A compiled dag, to be stored as its current version.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The dag's name.
    pub dag_id: DagId,
    /// What the user wrote.
    pub definition: Value,
    /// What the compiler made of it.
    pub plan: Value,
    /// SHA-256 of both, in hexadecimal.
    pub content_hash: String,
    /// For lists.
    pub description: Option<String>,
    /// For lists and filters.
    pub tags: Vec<String>,
    /// For lists.
    pub owners: Vec<String>,
    /// The schedule, as written.
    pub schedule: Option<String>,
    /// Its time zone.
    pub timezone: String,
    /// The most runs at once.
    pub max_active_runs: i32,
    /// When it runs next.
    pub next: Option<NextRun>,
    /// The file that it comes from, where it comes from a bundle.
    pub origin: Option<Origin>,
    /// Whether the dag, when it is made now, is that of a task by itself.
    pub standalone: bool,
}

/// What storing a version did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The dag.
    pub dag: DagKey,
    /// Its current version.
    pub version: DagVersionId,
    /// That version's number, from 1.
    pub version_number: i32,
    /// Whether it is the dag's first.
    pub created: bool,
    /// Whether anything is new.
    pub changed: bool,
}

/// The current version of a dag, locked.
#[derive(Clone, Debug)]
pub struct CurrentVersion {
    /// The dag.
    pub dag: DagKey,
    /// The version.
    pub version: DagVersionId,
    /// Its number.
    pub version_number: i32,
    /// Its content hash.
    pub content_hash: String,
    /// The schedule and its time zone.
    pub schedule: (Option<String>, String),
    /// When it runs next.
    pub next: Option<NextRun>,
    /// Whether its runs wait.
    pub paused: bool,
    /// When the dag was first applied.
    pub created_at: DateTime<Utc>,
    /// The logical date of its last scheduled run, or of the last that was left out since another was not finished.
    pub last_scheduled: Option<DateTime<Utc>>,
    /// Counts its changes.
    pub revision: i64,
    /// Whether it is that of a task by itself.
    pub standalone: bool,
}

/// Reads and locks the current version of a dag.
///
/// # Errors
/// When the database cannot be reached.
pub async fn lock_current(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<Option<CurrentVersion>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT d.dag_key, d.current_version_id, v.version_number, v.content_hash, d.schedule, d.timezone,
            d.next_interval_start, d.next_interval_end, d.next_due_at, d.paused, d.created_at, d.revision, d.standalone,
            greatest(d.skipped_until, (SELECT max(r.logical_date) FROM dag_runs r WHERE r.dag_key = d.dag_key AND r.run_type = 'scheduled'))
                AS last_scheduled
        FROM dags d JOIN dag_versions v ON v.dag_version_id = d.current_version_id
        WHERE d.tenant_id = $1 AND d.dag_id = $2
        FOR NO KEY UPDATE OF d
        "#,
        tenant,
        dag_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| CurrentVersion {
        dag: DagKey::from_uuid(row.dag_key),
        version: DagVersionId::from_uuid(row.current_version_id),
        version_number: row.version_number,
        content_hash: row.content_hash,
        schedule: (row.schedule, row.timezone),
        next: match (row.next_interval_start, row.next_interval_end, row.next_due_at) {
            (Some(interval_start), Some(interval_end), Some(due_at)) => Some(NextRun { interval_start, interval_end, due_at }),
            _ => None,
        },
        paused: row.paused,
        created_at: row.created_at,
        last_scheduled: row.last_scheduled,
        revision: row.revision,
        standalone: row.standalone,
    }))
}

/// Stores a version and makes it current. `current` is what [`lock_current`] returned in this transaction.
///
/// # Errors
/// [`StoreError::Conflict`] when another transaction created the same dag meanwhile.
pub async fn put_version(
    tx: &mut Tx<'_>,
    current: Option<&CurrentVersion>,
    new: &NewVersion,
    created_by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    let tenant = tx.tenant();
    let version = DagVersionId::generate();
    let (dag, version_number) = match current {
        Some(current) => (current.dag, current.version_number + 1),
        None => (DagKey::generate(), 1),
    };
    if current.is_none() {
        sqlx::query!(
            r#"
            INSERT INTO dags (dag_key, tenant_id, dag_id, current_version_id, max_active_runs, created_at, updated_at, standalone, revision)
            VALUES ($1, $2, $3, $4, $5, $6, $6, $7, 0)
            "#,
            dag.uuid(),
            tenant,
            new.dag_id.as_str(),
            version.uuid(),
            new.max_active_runs,
            now,
            new.standalone,
        )
        .execute(tx.conn())
        .await?;
    }
    sqlx::query!(
        r#"
        INSERT INTO dag_versions (dag_version_id, tenant_id, dag_key, version_number, content_hash, definition, plan, created_at, created_by,
            bundle, bundle_path, bundle_commit)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        "#,
        version.uuid(),
        tenant,
        dag.uuid(),
        version_number,
        new.content_hash,
        new.definition,
        new.plan,
        now,
        created_by.map(UserId::uuid),
        new.origin.as_ref().map(|origin| origin.bundle.as_str()),
        new.origin.as_ref().map(|origin| origin.path.as_str()),
        new.origin.as_ref().and_then(|origin| origin.commit.as_deref()),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        r#"
        UPDATE dags SET current_version_id = $2, description = $3, tags = $4, owners = $5, schedule = $6, timezone = $7,
            max_active_runs = $8, next_interval_start = $9, next_interval_end = $10, next_due_at = $11,
            revision = revision + 1, updated_at = $12
        WHERE dag_key = $1
        "#,
        dag.uuid(),
        version.uuid(),
        new.description,
        &new.tags,
        &new.owners,
        new.schedule,
        new.timezone,
        new.max_active_runs,
        new.next.map(|next| next.interval_start),
        new.next.map(|next| next.interval_end),
        new.next.map(|next| next.due_at),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(Stored { dag, version, version_number, created: current.is_none(), changed: true })
}

/// Pauses or unpauses a dag. `next` replaces when it runs next, so that what was missed while it was paused is not made up for.
/// `revision` makes the change conditional.
///
/// # Errors
/// [`StoreError::NotFound`], or [`StoreError::Conflict`] when the dag has another revision.
pub async fn set_paused(
    tx: &mut Tx<'_>,
    dag_id: &DagId,
    paused: bool,
    next: Option<NextRun>,
    revision: Option<i64>,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let changed = sqlx::query_scalar!(
        r#"
        UPDATE dags SET paused = $3, stale_paused = false, next_interval_start = $4, next_interval_end = $5, next_due_at = $6, revision = revision + 1,
            updated_at = $7
        WHERE tenant_id = $1 AND dag_id = $2 AND ($8::bigint IS NULL OR revision = $8)
        RETURNING revision
        "#,
        tenant,
        dag_id.as_str(),
        paused,
        next.map(|next| next.interval_start),
        next.map(|next| next.interval_end),
        next.map(|next| next.due_at),
        now,
        revision,
    )
    .fetch_optional(tx.conn())
    .await?;
    match changed {
        Some(revision) => Ok(revision),
        None if lock_current(tx, dag_id).await?.is_some() => {
            Err(StoreError::conflict("the dag was changed by somebody else meanwhile; read it again and repeat the change"))
        }
        None => Err(StoreError::not_found("dag", dag_id)),
    }
}

/// Deletes a dag with its versions and finished runs.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] while a run of it is not finished.
pub async fn delete_dag(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<(), StoreError> {
    let current = lock_current(tx, dag_id).await?.ok_or_else(|| StoreError::not_found("dag", dag_id))?;
    let unfinished = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM dag_runs WHERE dag_key = $1 AND state IN ('queued', 'running')"#,
        current.dag.uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    if unfinished > 0 {
        return Err(StoreError::conflict(format!(
            "the dag has {unfinished} unfinished runs; cancel them or wait for them, then delete it"
        )));
    }
    // The runs refer to the versions: they go first.
    sqlx::query!("DELETE FROM dag_runs WHERE dag_key = $1", current.dag.uuid()).execute(tx.conn()).await?;
    sqlx::query!("DELETE FROM dags WHERE dag_key = $1", current.dag.uuid()).execute(tx.conn()).await?;
    Ok(())
}
