//! Counts for `/metrics`: of one tenant, or of all when the transaction goes across tenants.
//!
//! What is finished is not counted: there may be millions, and the counters of the processes tell its rate.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use uuid::Uuid;

/// Task instances that something will happen to, by state. Those that wait for upstream tasks are not among them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn active_tasks(tx: &mut Tx<'_>) -> Result<Vec<(TaskStateName, u64)>, StoreError> {
    let tenant = Some(tx.tenant()).filter(|tenant| !tenant.is_nil());
    sqlx::query!(
        r#"
        SELECT state, count(*) AS "count!" FROM task_instances
        WHERE attend_at IS NOT NULL AND ($1::uuid IS NULL OR tenant_id = $1) GROUP BY state
        "#,
        tenant
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let state = row_of("task_instances", Uuid::nil()).known("state", TaskStateName::parse(&row.state))?;
        Ok((state, row.count.cast_unsigned()))
    })
    .collect()
}

/// Runs that are not finished, by state.
///
/// # Errors
/// When the database cannot be reached.
pub async fn active_runs(tx: &mut Tx<'_>) -> Result<Vec<(RunStateName, u64)>, StoreError> {
    let tenant = Some(tx.tenant()).filter(|tenant| !tenant.is_nil());
    sqlx::query!(
        r#"
        SELECT state, count(*) AS "count!" FROM dag_runs
        WHERE state IN ('queued', 'running') AND ($1::uuid IS NULL OR tenant_id = $1) GROUP BY state
        "#,
        tenant
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let state = row_of("dag_runs", Uuid::nil()).known("state", RunStateName::parse(&row.state))?;
        Ok((state, row.count.cast_unsigned()))
    })
    .collect()
}

/// When the oldest queued task instance was queued.
///
/// # Errors
/// When the database cannot be reached.
pub async fn oldest_queued(tx: &mut Tx<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let tenant = Some(tx.tenant()).filter(|tenant| !tenant.is_nil());
    Ok(sqlx::query_scalar!(
        r#"
        SELECT min(queued_at) FROM task_instances
        WHERE attend_at IS NOT NULL AND state = 'queued' AND ($1::uuid IS NULL OR tenant_id = $1)
        "#,
        tenant
    )
    .fetch_one(tx.conn())
    .await?)
}
