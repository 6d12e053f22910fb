//! Runs that tasks made.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::RunStateName;
use cofferdam_ids::{DagId, DagRunId, RunKey, TaskInstanceId, TenantId};

/// A run that a task made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its key.
    pub run: RunKey,
    /// Its state.
    pub state: RunStateName,
    /// When it was made.
    pub queued_at: DateTime<Utc>,
}

/// What a run is to a task instance that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The instance.
    pub instance: TaskInstanceId,
    /// The try that made it.
    pub try_number: u32,
    /// Whether the instance waits for the run.
    pub waits: bool,
}

/// The run of that name, if it is there.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find(tx: &mut Tx<'_>, dag_id: &DagId, dag_run_id: &DagRunId) -> Result<Option<Child>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT r.run_key, r.state, r.queued_at FROM dag_runs r JOIN dags d USING (dag_key)
        WHERE d.tenant_id = $1 AND d.dag_id = $2 AND r.dag_run_id = $3
        "#,
        tenant,
        dag_id.as_str(),
        dag_run_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let state = RunStateName::parse(&row.state).ok_or_else(|| StoreError::corrupt("dag_runs", "state", row.run_key))?;
        Ok(Child { run: RunKey::from_uuid(row.run_key), state, queued_at: row.queued_at })
    })
    .transpose()
}

/// How many runs stand above a run, each made by a task of the one before; nought for a run that no task made.
///
/// # Errors
/// When the database cannot be reached, or there is no such run.
pub async fn depth(tx: &mut Tx<'_>, run: RunKey) -> Result<i32, StoreError> {
    Ok(sqlx::query_scalar!("SELECT depth FROM dag_runs WHERE run_key = $1", run.uuid()).fetch_one(tx.conn()).await?)
}

/// Notes who made a run that this transaction has inserted: an instance of the run `of`.
///
/// # Errors
/// When the database cannot be reached.
pub async fn adopt(tx: &mut Tx<'_>, run: RunKey, parent: &Parent, of: RunKey) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        UPDATE dag_runs SET parent_instance_id = $2, parent_try = $3, parent_waits = $4,
            depth = 1 + (SELECT p.depth FROM dag_runs p WHERE p.run_key = $5)
        WHERE run_key = $1
        "#,
        run.uuid(),
        parent.instance.uuid(),
        parent.try_number.cast_signed(),
        parent.waits,
        of.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Unfinished runs whose task waited for them and does so no more: it was cancelled, marked, cleared, or ran out of time. Not locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn abandoned(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(TenantId, RunKey)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT r.tenant_id, r.run_key FROM dag_runs r JOIN task_instances ti ON ti.instance_id = r.parent_instance_id
        WHERE r.parent_waits AND r.state IN ('queued', 'running') AND r.cancel_requested_at IS NULL
          AND (ti.ended_at IS NOT NULL OR ti.try_number <> r.parent_try OR ti.state IN ('none', 'up_for_retry'))
        ORDER BY r.run_key LIMIT $1
        "#,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (TenantId::from_uuid(row.tenant_id), RunKey::from_uuid(row.run_key))).collect())
}

/// Unfinished runs that have taken longer than they may. Not locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn overdue(tx: &mut Tx<'_>, now: DateTime<Utc>, limit: i64) -> Result<Vec<(TenantId, RunKey)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT tenant_id, run_key FROM dag_runs
        WHERE timeout_ms IS NOT NULL AND state = 'running' AND cancel_requested_at IS NULL
          AND started_at + timeout_ms * interval '1 millisecond' <= $1
        ORDER BY started_at LIMIT $2
        "#,
        now,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (TenantId::from_uuid(row.tenant_id), RunKey::from_uuid(row.run_key))).collect())
}
