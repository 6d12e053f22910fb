//! Deadlines of runs and of their tasks.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::definition::DeadlineFrom;
use cofferdam_ids::{DagVersionId, RunKey, TaskId, TenantId};
use uuid::Uuid;

/// A deadline of a run that this transaction has inserted or locked.
#[derive(Clone, Debug)]
pub struct NewDeadline {
    /// The run.
    pub run: RunKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Position and name of the task; nothing for the run itself.
    pub task: Option<(i32, TaskId)>,
    /// From when it is counted.
    pub from: DeadlineFrom,
    /// Milliseconds after that.
    pub after_ms: u64,
    /// When that is, where it is known already.
    pub due_at: Option<DateTime<Utc>>,
}

/// A deadline that was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedDeadline {
    /// The run.
    pub run: RunKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// The version that the run is pinned to.
    pub version: DagVersionId,
    /// Position and name of the task; nothing for the run itself.
    pub task: Option<(i32, TaskId)>,
    /// When it was.
    pub due_at: DateTime<Utc>,
    /// The state of the run, or of the instance of the task that is not finished or finished last.
    pub state: String,
}

/// Stores deadlines of runs that this transaction has inserted.
///
/// # Errors
/// When the database cannot be reached.
pub async fn insert(tx: &mut Tx<'_>, deadlines: &[NewDeadline]) -> Result<(), StoreError> {
    renew(tx, deadlines, None).await
}

/// Stores deadlines, in place of those that there are: what is counted is counted from `since` on. The runs must be locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn renew(tx: &mut Tx<'_>, deadlines: &[NewDeadline], since: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    let runs: Vec<Uuid> = deadlines.iter().map(|new| new.run.uuid()).collect();
    let tenants: Vec<Uuid> = deadlines.iter().map(|new| new.tenant.uuid()).collect();
    let subjects: Vec<i32> = deadlines.iter().map(|new| new.task.as_ref().map_or(-1, |(index, _)| *index)).collect();
    let tasks: Vec<Option<&str>> = deadlines.iter().map(|new| new.task.as_ref().map(|(_, name)| name.as_str())).collect();
    let from: Vec<&str> = deadlines.iter().map(|new| new.from.as_str()).collect();
    let after: Vec<i64> = deadlines.iter().map(|new| i64::try_from(new.after_ms).unwrap_or(i64::MAX)).collect();
    let due: Vec<Option<DateTime<Utc>>> = deadlines.iter().map(|new| new.due_at).collect();
    sqlx::query!(
        r#"
        INSERT INTO deadlines (run_key, tenant_id, subject_index, task_id, counted_from, after_ms, due_at, renewed_at)
        SELECT n.*, $8::timestamptz
        FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[]) AS n
        ON CONFLICT (run_key, subject_index) DO UPDATE
        SET due_at = excluded.due_at, missed_at = NULL, renewed_at = excluded.renewed_at
        "#,
        &runs,
        &tenants,
        &subjects,
        &tasks as &[Option<&str>],
        &from as &[&str],
        &after,
        &due as &[Option<DateTime<Utc>>],
        since
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the deadlines of runs that have ended, but for those that were missed. The runs must be locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, runs: &[RunKey], now: DateTime<Utc>) -> Result<(), StoreError> {
    let runs: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    sqlx::query!(
        "DELETE FROM deadlines WHERE run_key = ANY ($1) AND missed_at IS NULL AND (due_at IS NULL OR due_at > $2)",
        &runs,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds out when deadlines are for which the moment has come from which they are counted.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    // What another scheduler looks at is passed over.
    sqlx::query!(
        r#"
        WITH begun AS (
            SELECT d.run_key, d.subject_index,
                CASE WHEN d.counted_from = 'logical_date' THEN r.logical_date
                    WHEN d.subject_index = -1 AND d.counted_from = 'queued_at' THEN greatest(r.queued_at, d.renewed_at)
                    WHEN d.subject_index = -1 THEN r.started_at
                    ELSE (SELECT min(begun.at) FROM task_instances ti
                        CROSS JOIN LATERAL (SELECT CASE WHEN d.counted_from = 'queued_at' THEN ti.queued_at ELSE ti.started_at END AS at) begun
                        WHERE ti.run_key = d.run_key AND ti.task_index = d.subject_index
                          AND (d.renewed_at IS NULL OR begun.at >= d.renewed_at)) END AS since
            FROM deadlines d JOIN dag_runs r USING (run_key)
            WHERE d.due_at IS NULL
            ORDER BY d.run_key, d.subject_index FOR UPDATE OF d SKIP LOCKED
        )
        UPDATE deadlines d SET due_at = b.since + d.after_ms * interval '1 millisecond'
        FROM begun b WHERE d.run_key = b.run_key AND d.subject_index = b.subject_index AND b.since IS NOT NULL
        "#
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The runs that have a deadline which has passed, the longest overdue first. Not locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn due(tx: &mut Tx<'_>, now: DateTime<Utc>, limit: i64) -> Result<Vec<(TenantId, RunKey)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id AS "tenant_id!", run_key AS "run_key!" FROM (
            SELECT tenant_id, run_key, due_at FROM deadlines
            WHERE due_at IS NOT NULL AND missed_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT $2) d
        GROUP BY tenant_id, run_key ORDER BY min(due_at)
        "#,
        now,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (TenantId::from_uuid(row.tenant_id), RunKey::from_uuid(row.run_key))).collect())
}

/// Locks a run and settles its deadlines that have passed: those of what ended in time are removed, the others are noted as missed, and
/// returned, once.
///
/// # Errors
/// When the database cannot be reached.
pub async fn settle(tx: &mut Tx<'_>, run: RunKey, now: DateTime<Utc>) -> Result<Vec<MissedDeadline>, StoreError> {
    let Some(locked) = sqlx::query!("SELECT dag_version_id, tenant_id FROM dag_runs WHERE run_key = $1 FOR UPDATE", run.uuid())
        .fetch_optional(tx.conn())
        .await?
    else {
        return Ok(Vec::new());
    };
    let rows = sqlx::query!(
        r#"
        WITH passed AS (
            SELECT d.subject_index, CASE WHEN d.subject_index = -1 THEN r.state ELSE i.state END AS state,
                CASE WHEN d.subject_index = -1 THEN r.ended_at ELSE i.ended_at END AS ended_at
            FROM deadlines d JOIN dag_runs r USING (run_key) LEFT JOIN LATERAL (
                -- Of a mapped task, the instance that is not finished, or finished last.
                SELECT ti.state, ti.ended_at FROM task_instances ti
                WHERE ti.run_key = d.run_key AND ti.task_index = d.subject_index
                ORDER BY ti.ended_at DESC NULLS FIRST LIMIT 1) i ON true
            WHERE d.run_key = $1 AND d.missed_at IS NULL AND d.due_at <= $2
        ), kept AS (
            DELETE FROM deadlines d USING passed p
            WHERE d.run_key = $1 AND d.subject_index = p.subject_index AND p.ended_at <= d.due_at
        )
        UPDATE deadlines d SET missed_at = $2 FROM passed p
        WHERE d.run_key = $1 AND d.subject_index = p.subject_index AND (p.ended_at IS NULL OR p.ended_at > d.due_at)
        RETURNING d.subject_index, d.task_id, d.due_at AS "due_at!", p.state AS "state!"
        "#,
        run.uuid(),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let task_id: Option<TaskId> =
                row.task_id.as_deref().map(|name| row_of("deadlines", run).name("task_id", name)).transpose()?;
            Ok(MissedDeadline {
                run,
                tenant: TenantId::from_uuid(locked.tenant_id),
                version: DagVersionId::from_uuid(locked.dag_version_id),
                task: task_id.map(|task_id| (row.subject_index, task_id)),
                due_at: row.due_at,
                state: row.state,
            })
        })
        .collect()
}
