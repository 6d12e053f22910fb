//! What a worker has to be told of a run: facts that never change once the run exists.

use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::run::RunType;
use cofferdam_domain::template::PreviousSuccess;
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId, RunKey, TaskId, TenantId, XComKey};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// A run, as its tasks see it.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Its key.
    pub run: RunKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its dag.
    pub dag: DagKey,
    /// Its dag's name.
    pub dag_id: DagId,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// The version it is pinned to.
    pub version: DagVersionId,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// The interval of data that it covers.
    pub interval: (DateTime<Utc>, DateTime<Utc>),
    /// What it was triggered with.
    pub conf: Value,
    /// What made it.
    pub run_type: RunType,
    /// When it was made.
    pub queued_at: DateTime<Utc>,
}

/// Reads runs. Those that do not exist are left out.
///
/// # Errors
/// When the database cannot be reached, or holds a name that is none.
pub async fn runs(tx: &mut Tx<'_>, runs: &[RunKey]) -> Result<Vec<RunFacts>, StoreError> {
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT r.run_key, r.tenant_id, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, r.logical_date, r.data_interval_start,
            r.data_interval_end, r.conf, r.run_type, r.queued_at
        FROM dag_runs r JOIN dags d USING (dag_key)
        WHERE r.run_key = ANY($1)
        "#,
        &keys
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RunFacts {
                run: RunKey::from_uuid(row.run_key),
                tenant: TenantId::from_uuid(row.tenant_id),
                dag: DagKey::from_uuid(row.dag_key),
                dag_id: DagId::new(&row.dag_id).map_err(|_| StoreError::corrupt("dags", "dag_id", row.run_key))?,
                dag_run_id: DagRunId::new(&row.dag_run_id)
                    .map_err(|_| StoreError::corrupt("dag_runs", "dag_run_id", row.run_key))?,
                version: DagVersionId::from_uuid(row.dag_version_id),
                logical_date: row.logical_date,
                interval: (row.data_interval_start, row.data_interval_end),
                conf: row.conf,
                run_type: RunType::parse(&row.run_type)
                    .ok_or_else(|| StoreError::corrupt("dag_runs", "run_type", row.run_key))?,
                queued_at: row.queued_at,
            })
        })
        .collect()
}

/// Reads the plans of dag versions, as stored. Those that do not exist are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn plans(tx: &mut Tx<'_>, versions: &[DagVersionId]) -> Result<Vec<(DagVersionId, Value)>, StoreError> {
    let keys: Vec<Uuid> = versions.iter().map(|version| version.uuid()).collect();
    let rows = sqlx::query!("SELECT dag_version_id, plan FROM dag_versions WHERE dag_version_id = ANY($1)", &keys)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (DagVersionId::from_uuid(row.dag_version_id), row.plan)).collect())
}

/// An XCom, by run, task and key.
pub type XComAddress = (RunKey, TaskId, XComKey);

/// The value of an XCom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XComValue {
    /// JSON text.
    Inline(String),
    /// The name of the object that holds the JSON text.
    Object(String),
}

/// The XCom of one instance: by run, task, key, and position in a mapped task, or -1.
pub type InstanceXCom = (RunKey, TaskId, XComKey, i32);

/// Reads XComs of single instances. Those that do not exist are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn xcoms(tx: &mut Tx<'_>, wanted: &[InstanceXCom]) -> Result<HashMap<InstanceXCom, XComValue>, StoreError> {
    let runs: Vec<Uuid> = wanted.iter().map(|(run, ..)| run.uuid()).collect();
    let tasks: Vec<String> = wanted.iter().map(|(_, task, ..)| task.to_string()).collect();
    let keys: Vec<String> = wanted.iter().map(|(_, _, key, _)| key.to_string()).collect();
    let indexes: Vec<i32> = wanted.iter().map(|(.., map_index)| *map_index).collect();
    let rows = sqlx::query!(
        r#"
        SELECT x.run_key, x.task_id, x.map_index, x.key, x.value, x.object
        FROM xcoms x
        JOIN unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS w (run_key, task_id, key, map_index)
            USING (run_key, task_id, key, map_index)
        "#,
        &runs,
        &tasks,
        &keys,
        &indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let corrupt = |column| StoreError::corrupt("xcoms", column, row.run_key);
            let task = TaskId::new(&row.task_id).map_err(|_| corrupt("task_id"))?;
            let key = XComKey::new(&row.key).map_err(|_| corrupt("key"))?;
            let value = match (row.value, row.object) {
                (Some(value), _) => XComValue::Inline(value),
                (None, Some(object)) => XComValue::Object(object),
                (None, None) => return Err(corrupt("value")),
            };
            Ok(((RunKey::from_uuid(row.run_key), task, key, row.map_index), value))
        })
        .collect()
}

/// Reads one XCom of a task, mapped or not.
///
/// # Errors
/// When the database cannot be reached.
pub async fn xcom(
    tx: &mut Tx<'_>,
    run: RunKey,
    task: &TaskId,
    map_index: i32,
    key: &XComKey,
) -> Result<Option<XComValue>, StoreError> {
    let row = sqlx::query!(
        "SELECT value, object FROM xcoms WHERE run_key = $1 AND task_id = $2 AND map_index = $3 AND key = $4",
        run.uuid(),
        task.as_str(),
        map_index,
        key.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.and_then(|row| row.value.map(XComValue::Inline).or_else(|| row.object.map(XComValue::Object))))
}

/// The last successful runs before these, of the same dags: by the run that asks. A run without one is left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn previous_successes(tx: &mut Tx<'_>, runs: &[RunKey]) -> Result<HashMap<RunKey, PreviousSuccess>, StoreError> {
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT r.run_key, p.data_interval_start, p.data_interval_end, p.started_at, p.ended_at
        FROM dag_runs r CROSS JOIN LATERAL (
            SELECT p.data_interval_start, p.data_interval_end, p.started_at, p.ended_at FROM dag_runs p
            WHERE p.tenant_id = r.tenant_id AND p.dag_key = r.dag_key AND p.logical_date < r.logical_date AND p.state = 'success'
            ORDER BY p.logical_date DESC LIMIT 1) p
        WHERE r.run_key = ANY($1)
        "#,
        &keys
    )
    .fetch_all(tx.conn())
    .await?;
    let previous = rows.into_iter().map(|row| {
        let interval = (row.data_interval_start, row.data_interval_end);
        let found = PreviousSuccess { interval, started_at: row.started_at, ended_at: row.ended_at };
        (RunKey::from_uuid(row.run_key), found)
    });
    Ok(previous.collect())
}
