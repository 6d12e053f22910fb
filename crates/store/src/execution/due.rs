//! Dags whose schedule is due.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_ids::{DagId, DagKey, DagVersionId, TenantId};
use std::collections::HashMap;
use uuid::Uuid;

/// A dag whose next run is due, locked until the transaction ends.
#[derive(Clone, Debug)]
pub struct DueDag {
    /// Whose it is.
    pub tenant: TenantId,
    /// The dag.
    pub dag: DagKey,
    /// Its name.
    pub dag_id: DagId,
    /// Its current version, which the run gets.
    pub version: DagVersionId,
    /// When the dag was first applied.
    pub created_at: DateTime<Utc>,
    /// The interval that the due run covers.
    pub interval: (DateTime<Utc>, DateTime<Utc>),
    /// The most runs at once.
    pub max_active_runs: i64,
    /// Runs that are `running` now, those of backfills left out.
    pub active_runs: i64,
    /// Runs that are not finished, those of backfills left out.
    pub unfinished_runs: i64,
}

/// Takes up to `limit` due dags that no other scheduler holds.
///
/// # Errors
/// When the database cannot be reached.
pub async fn claim_due(tx: &mut Tx<'_>, now: DateTime<Utc>, limit: i64) -> Result<Vec<DueDag>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT d.tenant_id, d.dag_key, d.dag_id, d.current_version_id, d.max_active_runs, d.created_at,
            d.next_interval_start AS "interval_start!", d.next_interval_end AS "interval_end!"
        FROM dags d
        WHERE d.next_due_at <= $1 AND NOT d.paused
        ORDER BY d.next_due_at
        LIMIT $2
        FOR NO KEY UPDATE OF d SKIP LOCKED
        "#,
        now,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    // A statement of its own: its snapshot is taken after the locks, so it sees the runs of whoever held them before.
    let keys: Vec<Uuid> = rows.iter().map(|row| row.dag_key).collect();
    let runs: HashMap<Uuid, (i64, i64)> = sqlx::query!(
        r#"
        SELECT dag_key, count(*) FILTER (WHERE state = 'running') AS "active!", count(*) AS "unfinished!"
        FROM dag_runs WHERE dag_key = ANY($1) AND state IN ('queued', 'running') AND run_type <> 'backfill'
        GROUP BY dag_key
        "#,
        &keys
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| (row.dag_key, (row.active, row.unfinished)))
    .collect();
    rows.into_iter()
        .map(|row| {
            let (active_runs, unfinished_runs) = runs.get(&row.dag_key).copied().unwrap_or_default();
            Ok(DueDag {
                tenant: TenantId::from_uuid(row.tenant_id),
                dag: DagKey::from_uuid(row.dag_key),
                dag_id: DagId::new(&row.dag_id).map_err(|_| StoreError::corrupt("dags", "dag_id", row.dag_key))?,
                version: DagVersionId::from_uuid(row.current_version_id),
                created_at: row.created_at,
                interval: (row.interval_start, row.interval_end),
                max_active_runs: i64::from(row.max_active_runs),
                active_runs,
                unfinished_runs,
            })
        })
        .collect()
}

/// Notes the intervals that were left out, by their logical dates, so that they are not made up for when their dags are applied or
/// unpaused. The dags must be locked by this transaction.
///
/// # Errors
/// When the database cannot be reached.
pub async fn note_left_out(tx: &mut Tx<'_>, left_out: &[(DagKey, DateTime<Utc>)]) -> Result<(), StoreError> {
    if left_out.is_empty() {
        return Ok(());
    }
    let dags: Vec<Uuid> = left_out.iter().map(|(dag, _)| dag.uuid()).collect();
    let dates: Vec<DateTime<Utc>> = left_out.iter().map(|(_, date)| *date).collect();
    sqlx::query!(
        r#"
        UPDATE dags d SET skipped_until = greatest(d.skipped_until, n.logical_date)
        FROM unnest($1::uuid[], $2::timestamptz[]) AS n (dag_key, logical_date) WHERE d.dag_key = n.dag_key
        "#,
        &dags,
        &dates,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When a dag runs next: the interval, and when it is due. `None`: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRun {
    /// Start of the interval; the run's logical date.
    pub interval_start: DateTime<Utc>,
    /// End of the interval.
    pub interval_end: DateTime<Utc>,
    /// When the run is due.
    pub due_at: DateTime<Utc>,
}

/// Sets when dags run next. The dags must be locked by this transaction.
///
/// # Errors
/// When the database cannot be reached.
pub async fn set_next_runs(tx: &mut Tx<'_>, next: &[(DagKey, Option<NextRun>)]) -> Result<(), StoreError> {
    let dags: Vec<Uuid> = next.iter().map(|(dag, _)| dag.uuid()).collect();
    let starts: Vec<Option<DateTime<Utc>>> = next.iter().map(|(_, next)| next.map(|next| next.interval_start)).collect();
    let ends: Vec<Option<DateTime<Utc>>> = next.iter().map(|(_, next)| next.map(|next| next.interval_end)).collect();
    let due: Vec<Option<DateTime<Utc>>> = next.iter().map(|(_, next)| next.map(|next| next.due_at)).collect();
    sqlx::query!(
        r#"
        UPDATE dags d SET next_interval_start = n.interval_start, next_interval_end = n.interval_end, next_due_at = n.due_at
        FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[]) AS n (dag_key, interval_start, interval_end, due_at)
        WHERE d.dag_key = n.dag_key
        "#,
        &dags,
        &starts as &[Option<DateTime<Utc>>],
        &ends as &[Option<DateTime<Utc>>],
        &due as &[Option<DateTime<Utc>>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When the next dag is due, whichever it is.
///
/// # Errors
/// When the database cannot be reached.
pub async fn earliest_due(tx: &mut Tx<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!("SELECT min(next_due_at) FROM dags WHERE next_due_at IS NOT NULL AND NOT paused")
        .fetch_one(tx.conn())
        .await?)
}
