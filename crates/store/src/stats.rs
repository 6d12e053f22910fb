//! Counts for `/metrics`: of one tenant, or of all when the transaction goes across tenants.
//!
//! What is finished is not counted: there may be millions, and the counters of the processes tell its rate.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::dead_letter::DeadLetterKind;
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

/// Dead letters that nobody has looked after, by kind.
///
/// # Errors
/// When the database cannot be reached.
pub async fn open_letters(tx: &mut Tx<'_>) -> Result<Vec<(DeadLetterKind, u64)>, StoreError> {
    let tenant = Some(tx.tenant()).filter(|tenant| !tenant.is_nil());
    sqlx::query!(
        r#"
        SELECT kind, count(*) AS "count!" FROM dead_letters
        WHERE state = 'open' AND ($1::uuid IS NULL OR tenant_id = $1) GROUP BY kind
        "#,
        tenant
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let kind = row_of("dead_letters", Uuid::nil()).known("kind", DeadLetterKind::parse(&row.kind))?;
        Ok((kind, row.count.cast_unsigned()))
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

/// How late scheduled runs started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StartDelays {
    /// Runs that were made.
    pub runs: u64,
    /// Runs of which a task has started.
    pub started: u64,
    /// Runs that are not finished.
    pub unfinished: u64,
    /// Seconds from the end of a run's interval to the start of its first task: half of the runs were faster.
    pub p50_s: f64,
    /// All but one in a hundred were faster.
    pub p99_s: f64,
    /// The slowest.
    pub max_s: f64,
    /// Seconds from the end of a run's interval to its own end: all but one in a hundred were faster.
    pub run_p99_s: f64,
}

/// How late the scheduled runs of the tenant started whose intervals ended at `until` or before.
///
/// # Errors
/// When the database cannot be reached.
pub async fn start_delays(tx: &mut Tx<'_>, until: DateTime<Utc>) -> Result<StartDelays, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        WITH runs AS (
            SELECT r.run_key, r.ended_at, extract(epoch FROM r.ended_at - r.data_interval_end)::float8 AS took,
                extract(epoch FROM min(t.started_at) - r.data_interval_end)::float8 AS delay
            FROM dag_runs r LEFT JOIN task_instances ti USING (run_key) LEFT JOIN tries t USING (instance_id)
            WHERE r.tenant_id = $1 AND r.run_type = 'scheduled' AND r.data_interval_end <= $2
            GROUP BY r.run_key
        )
        SELECT count(*) AS "runs!", count(delay) AS "started!", count(*) FILTER (WHERE ended_at IS NULL) AS "unfinished!",
            percentile_cont(0.5) WITHIN GROUP (ORDER BY delay) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY delay) AS p99,
            max(delay) AS slowest, percentile_cont(0.99) WITHIN GROUP (ORDER BY took) AS run_p99
        FROM runs
        "#,
        tenant,
        until,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(StartDelays {
        runs: row.runs.cast_unsigned(),
        started: row.started.cast_unsigned(),
        unfinished: row.unfinished.cast_unsigned(),
        p50_s: row.p50.unwrap_or(0.0),
        p99_s: row.p99.unwrap_or(0.0),
        max_s: row.slowest.unwrap_or(0.0),
        run_p99_s: row.run_p99.unwrap_or(0.0),
    })
}
