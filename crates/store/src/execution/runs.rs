//! Making runs with all their task instances, and letting waiting ones start.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::RunType;
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId, RunKey, TaskId, TaskInstanceId, TenantId, UserId};
use serde_json::Value;
use uuid::Uuid;

/// A run to be inserted.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its key, made by the caller.
    pub run: RunKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its dag.
    pub dag: DagKey,
    /// The version it is pinned to.
    pub version: DagVersionId,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// What made it.
    pub run_type: RunType,
    /// Whether it runs at once; otherwise it waits, `queued`.
    pub admitted: bool,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// The interval of data that it covers.
    pub interval: (DateTime<Utc>, DateTime<Utc>),
    /// What it was triggered with: a JSON object.
    pub conf: Value,
    /// A person's note.
    pub note: Option<String>,
    /// Its instances that are not finished.
    pub unfinished: i32,
    /// When it was made.
    pub queued_at: DateTime<Utc>,
    /// Who triggered it.
    pub triggered_by: Option<UserId>,
}

/// A task instance to be inserted.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// Its id, made by the caller.
    pub instance: TaskInstanceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its run.
    pub run: RunKey,
    /// Position of its task in the dag version.
    pub task_index: i32,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Its task.
    pub task_id: TaskId,
    /// How many instances it waits for.
    pub upstream_total: i32,
    /// Whether nothing waits for it.
    pub is_leaf: bool,
    /// When a reconciler has to look at it, if it starts out `queued` with its first try; else it starts out `none`.
    pub queued_until: Option<DateTime<Utc>>,
}

/// Inserts runs with their instances. A run that exists already (same dag and `dag_run_id`, or same scheduled interval) is left
/// alone, and so are its instances. Returns the keys of the runs inserted.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn insert(
    tx: &mut Tx<'_>,
    runs: &[NewRun],
    instances: &[NewInstance],
    now: DateTime<Utc>,
) -> Result<Vec<RunKey>, StoreError> {
    let keys: Vec<Uuid> = runs.iter().map(|run| run.run.uuid()).collect();
    let tenants: Vec<Uuid> = runs.iter().map(|run| run.tenant.uuid()).collect();
    let dags: Vec<Uuid> = runs.iter().map(|run| run.dag.uuid()).collect();
    let versions: Vec<Uuid> = runs.iter().map(|run| run.version.uuid()).collect();
    let names: Vec<&str> = runs.iter().map(|run| run.dag_run_id.as_str()).collect();
    let types: Vec<&str> = runs.iter().map(|run| run.run_type.as_str()).collect();
    let admitted: Vec<bool> = runs.iter().map(|run| run.admitted).collect();
    let logical_dates: Vec<DateTime<Utc>> = runs.iter().map(|run| run.logical_date).collect();
    let starts: Vec<DateTime<Utc>> = runs.iter().map(|run| run.interval.0).collect();
    let ends: Vec<DateTime<Utc>> = runs.iter().map(|run| run.interval.1).collect();
    let confs: Vec<Value> = runs.iter().map(|run| run.conf.clone()).collect();
    let notes: Vec<Option<&str>> = runs.iter().map(|run| run.note.as_deref()).collect();
    let unfinished: Vec<i32> = runs.iter().map(|run| run.unfinished).collect();
    let queued_at: Vec<DateTime<Utc>> = runs.iter().map(|run| run.queued_at).collect();
    let triggered_by: Vec<Option<Uuid>> = runs.iter().map(|run| run.triggered_by.map(UserId::uuid)).collect();
    let instance_ids: Vec<Uuid> = instances.iter().map(|new| new.instance.uuid()).collect();
    let instance_tenants: Vec<Uuid> = instances.iter().map(|new| new.tenant.uuid()).collect();
    let instance_runs: Vec<Uuid> = instances.iter().map(|new| new.run.uuid()).collect();
    let task_indexes: Vec<i32> = instances.iter().map(|new| new.task_index).collect();
    let map_indexes: Vec<i32> = instances.iter().map(|new| new.map_index).collect();
    let task_ids: Vec<&str> = instances.iter().map(|new| new.task_id.as_str()).collect();
    let totals: Vec<i32> = instances.iter().map(|new| new.upstream_total).collect();
    let leaves: Vec<bool> = instances.iter().map(|new| new.is_leaf).collect();
    let queued_until: Vec<Option<DateTime<Utc>>> = instances.iter().map(|new| new.queued_until).collect();
    let inserted = sqlx::query_scalar!(
        r#"
        WITH inserted AS (
            INSERT INTO dag_runs (run_key, tenant_id, dag_key, dag_version_id, dag_run_id, run_type, state, logical_date,
                data_interval_start, data_interval_end, conf, note, unfinished, queued_at, started_at, triggered_by)
            SELECT n.run_key, n.tenant_id, n.dag_key, n.dag_version_id, n.dag_run_id, n.run_type,
                CASE WHEN n.admitted THEN 'running' ELSE 'queued' END, n.logical_date, n.interval_start, n.interval_end, n.conf, n.note,
                n.unfinished, n.queued_at, CASE WHEN n.admitted THEN n.queued_at END, n.triggered_by
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::timestamptz[],
                $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::text[], $13::int[], $14::timestamptz[], $15::uuid[])
                AS n (run_key, tenant_id, dag_key, dag_version_id, dag_run_id, run_type, admitted, logical_date, interval_start,
                    interval_end, conf, note, unfinished, queued_at, triggered_by)
            ON CONFLICT DO NOTHING
            RETURNING run_key
        ), instances AS (
            INSERT INTO task_instances (instance_id, tenant_id, run_key, task_index, map_index, task_id, state, try_number,
                upstream_total, is_leaf, queued_at, attend_at)
            SELECT n.instance_id, n.tenant_id, n.run_key, n.task_index, n.map_index, n.task_id,
                CASE WHEN n.queued_until IS NULL THEN 'none' ELSE 'queued' END, CASE WHEN n.queued_until IS NULL THEN 0 ELSE 1 END,
                n.upstream_total, n.is_leaf, CASE WHEN n.queued_until IS NOT NULL THEN $25::timestamptz END, n.queued_until
            FROM unnest($16::uuid[], $17::uuid[], $18::uuid[], $19::int[], $20::int[], $21::text[], $22::int[], $23::bool[],
                $24::timestamptz[])
                AS n (instance_id, tenant_id, run_key, task_index, map_index, task_id, upstream_total, is_leaf, queued_until)
            WHERE n.run_key IN (SELECT run_key FROM inserted)
        )
        SELECT run_key FROM inserted
        "#,
        &keys,
        &tenants,
        &dags,
        &versions,
        &names as &[&str],
        &types as &[&str],
        &admitted,
        &logical_dates,
        &starts,
        &ends,
        &confs,
        &notes as &[Option<&str>],
        &unfinished,
        &queued_at,
        &triggered_by as &[Option<Uuid>],
        &instance_ids,
        &instance_tenants,
        &instance_runs,
        &task_indexes,
        &map_indexes,
        &task_ids as &[&str],
        &totals,
        &leaves,
        &queued_until as &[Option<DateTime<Utc>>],
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(inserted.into_iter().map(RunKey::from_uuid).collect())
}

/// Bounds how long runs that this transaction has inserted may take, in milliseconds.
///
/// # Errors
/// When the database cannot be reached.
pub async fn bound(tx: &mut Tx<'_>, bounds: &[(RunKey, u64)]) -> Result<(), StoreError> {
    let keys: Vec<Uuid> = bounds.iter().map(|(run, _)| run.uuid()).collect();
    let bounds: Vec<i64> = bounds.iter().map(|(_, ms)| i64::try_from(*ms).unwrap_or(i64::MAX)).collect();
    sqlx::query!(
        "UPDATE dag_runs r SET timeout_ms = n.ms FROM unnest($1::uuid[], $2::bigint[]) AS n (run_key, ms) WHERE r.run_key = n.run_key",
        &keys,
        &bounds
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A dag, locked so that no other run of it is admitted meanwhile.
#[derive(Clone, Debug)]
pub struct LockedDag {
    /// The dag.
    pub dag: DagKey,
    /// Its name.
    pub dag_id: DagId,
    /// Its current version.
    pub version: DagVersionId,
    /// Whether its runs wait.
    pub paused: bool,
    /// The most runs at once.
    pub max_active_runs: i64,
    /// Runs that are `running`, those of backfills left out.
    pub active_runs: i64,
    /// Runs that are not finished, those of backfills left out.
    pub unfinished_runs: i64,
}

/// Locks a dag by name, for a trigger.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such dag.
pub async fn lock_dag(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<LockedDag, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT dag_key, current_version_id, paused, max_active_runs FROM dags WHERE tenant_id = $1 AND dag_id = $2 FOR NO KEY UPDATE",
        tenant,
        dag_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("dag", dag_id))?;
    // A statement of its own: its snapshot is taken after the lock, so it sees the runs of whoever held it before.
    let runs = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE state = 'running') AS "active!", count(*) AS "unfinished!"
        FROM dag_runs WHERE dag_key = $1 AND state IN ('queued', 'running') AND run_type <> 'backfill'
        "#,
        row.dag_key
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(LockedDag {
        dag: DagKey::from_uuid(row.dag_key),
        dag_id: dag_id.clone(),
        version: DagVersionId::from_uuid(row.current_version_id),
        paused: row.paused,
        max_active_runs: i64::from(row.max_active_runs),
        active_runs: runs.active,
        unfinished_runs: runs.unfinished,
    })
}

/// The runs of dags that are not finished, those of backfills left out, in order of their keys.
///
/// # Errors
/// When the database cannot be reached.
pub async fn unfinished(tx: &mut Tx<'_>, dags: &[DagKey]) -> Result<Vec<RunKey>, StoreError> {
    if dags.is_empty() {
        return Ok(Vec::new());
    }
    let dags: Vec<Uuid> = dags.iter().map(|dag| dag.uuid()).collect();
    let keys = sqlx::query_scalar!(
        r#"
        SELECT run_key FROM dag_runs WHERE dag_key = ANY($1) AND state IN ('queued', 'running') AND run_type <> 'backfill'
        ORDER BY run_key
        "#,
        &dags
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys.into_iter().map(RunKey::from_uuid).collect())
}

/// Whether a dag has a run of that name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn run_exists(tx: &mut Tx<'_>, dag: DagKey, dag_run_id: &DagRunId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM dag_runs WHERE dag_key = $1 AND dag_run_id = $2) AS "exists!""#,
        dag.uuid(),
        dag_run_id.as_str(),
    )
    .fetch_one(tx.conn())
    .await?)
}

/// The key of a run.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of these names.
pub async fn find_run(tx: &mut Tx<'_>, dag_id: &DagId, dag_run_id: &DagRunId) -> Result<RunKey, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "SELECT r.run_key FROM dag_runs r JOIN dags d USING (dag_key) WHERE d.tenant_id = $1 AND d.dag_id = $2 AND r.dag_run_id = $3",
        tenant,
        dag_id.as_str(),
        dag_run_id.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?
    .map(RunKey::from_uuid)
    .ok_or_else(|| StoreError::not_found("dag run", dag_run_id))
}

/// Finds dags that have a waiting run and room for it. A hint: [`admit`] looks again under the lock.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dags_with_waiting_runs(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<DagKey>, StoreError> {
    let keys = sqlx::query_scalar!(
        r#"
        SELECT DISTINCT r.dag_key FROM dag_runs r JOIN dags d USING (dag_key)
        WHERE r.state = 'queued' AND NOT d.paused
          AND d.max_active_runs > (SELECT count(*) FROM dag_runs a
              WHERE a.dag_key = r.dag_key AND a.state = 'running' AND a.run_type <> 'backfill')
        LIMIT $1
        "#,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys.into_iter().map(DagKey::from_uuid).collect())
}

/// Lets the oldest waiting runs of a dag start, as many as it has room for. Returns their keys; the caller queues their first tasks
/// in the same transaction. A dag that another scheduler holds is passed over.
///
/// # Errors
/// When the database cannot be reached.
pub async fn admit(tx: &mut Tx<'_>, dag: DagKey, now: DateTime<Utc>) -> Result<Vec<RunKey>, StoreError> {
    let Some(dag_row) = sqlx::query!(
        "SELECT max_active_runs FROM dags WHERE dag_key = $1 AND NOT paused FOR NO KEY UPDATE SKIP LOCKED",
        dag.uuid()
    )
    .fetch_optional(tx.conn())
    .await?
    else {
        return Ok(Vec::new());
    };
    let keys = sqlx::query_scalar!(
        r#"
        UPDATE dag_runs SET state = 'running', started_at = $3
        WHERE state = 'queued' AND run_key IN (
            SELECT run_key FROM dag_runs WHERE dag_key = $1 AND state = 'queued' ORDER BY queued_at, run_key
            LIMIT greatest(0, $2 - (SELECT count(*) FROM dag_runs
                WHERE dag_key = $1 AND state = 'running' AND run_type <> 'backfill')))
        RETURNING run_key
        "#,
        dag.uuid(),
        i64::from(dag_row.max_active_runs),
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys.into_iter().map(RunKey::from_uuid).collect())
}
