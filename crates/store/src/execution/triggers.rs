//! What makes dags run beside the clock: assets that change, and runs of other dags that end.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::asset::AssetUri;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::schedule::Interval;
use cofferdam_ids::{DagId, DagKey, DagRunId, RunKey, TaskId, TenantId};
use serde_json::Value;
use uuid::Uuid;

/// What a version of a dag has to do with assets and other dags.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Its tasks, and what they produce.
    pub produces: Vec<(TaskId, AssetUri)>,
    /// The conditions of its schedule by number, and the assets that they name.
    pub consumes: Vec<(i32, AssetUri)>,
    /// The dags whose ends it waits for, and the state in which they end.
    pub follows: Vec<(DagId, &'static str)>,
}

/// Sets what a dag has to do with assets and other dags. What has happened to conditions that it does not have any more is forgotten.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn link(tx: &mut Tx<'_>, dag: DagKey, links: &Links, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let uris: Vec<&str> =
        links.produces.iter().map(|(_, uri)| uri.as_str()).chain(links.consumes.iter().map(|(_, uri)| uri.as_str())).collect();
    if !uris.is_empty() {
        sqlx::query!(
            r#"
            INSERT INTO assets (tenant_id, uri, created_at)
            SELECT $1, n.uri, $3 FROM (SELECT DISTINCT uri FROM unnest($2::text[]) AS u (uri) ORDER BY uri) n
            ON CONFLICT (tenant_id, uri) DO NOTHING
            "#,
            tenant,
            &uris as &[&str],
            now,
        )
        .execute(tx.conn())
        .await?;
    }
    sqlx::query!("DELETE FROM asset_producers WHERE tenant_id = $1 AND dag_key = $2", tenant, dag.uuid())
        .execute(tx.conn())
        .await?;
    sqlx::query!("DELETE FROM asset_consumers WHERE tenant_id = $1 AND dag_key = $2", tenant, dag.uuid())
        .execute(tx.conn())
        .await?;
    sqlx::query!("DELETE FROM dag_end_consumers WHERE tenant_id = $1 AND dag_key = $2", tenant, dag.uuid())
        .execute(tx.conn())
        .await?;
    if !links.produces.is_empty() {
        let tasks: Vec<&str> = links.produces.iter().map(|(task, _)| task.as_str()).collect();
        let uris: Vec<&str> = links.produces.iter().map(|(_, uri)| uri.as_str()).collect();
        sqlx::query!(
            r#"
            INSERT INTO asset_producers (tenant_id, asset_id, dag_key, task_id)
            SELECT $1, a.asset_id, $2, n.task_id FROM unnest($3::text[], $4::text[]) AS n (task_id, uri)
            JOIN assets a ON a.tenant_id = $1 AND a.uri = n.uri
            "#,
            tenant,
            dag.uuid(),
            &tasks as &[&str],
            &uris as &[&str],
        )
        .execute(tx.conn())
        .await?;
    }
    if !links.consumes.is_empty() {
        let conditions: Vec<i32> = links.consumes.iter().map(|(condition, _)| *condition).collect();
        let uris: Vec<&str> = links.consumes.iter().map(|(_, uri)| uri.as_str()).collect();
        sqlx::query!(
            r#"
            INSERT INTO asset_consumers (tenant_id, asset_id, dag_key, condition)
            SELECT $1, a.asset_id, $2, n.condition FROM unnest($3::int[], $4::text[]) AS n (condition, uri)
            JOIN assets a ON a.tenant_id = $1 AND a.uri = n.uri
            "#,
            tenant,
            dag.uuid(),
            &conditions,
            &uris as &[&str],
        )
        .execute(tx.conn())
        .await?;
    }
    if !links.follows.is_empty() {
        let dags: Vec<&str> = links.follows.iter().map(|(dag_id, _)| dag_id.as_str()).collect();
        let states: Vec<&str> = links.follows.iter().map(|(_, state)| *state).collect();
        sqlx::query!(
            r#"
            INSERT INTO dag_end_consumers (tenant_id, dag_key, upstream_dag_id, state)
            SELECT $1, $2, n.dag_id, n.state FROM unnest($3::text[], $4::text[]) AS n (dag_id, state)
            "#,
            tenant,
            dag.uuid(),
            &dags as &[&str],
            &states as &[&str],
        )
        .execute(tx.conn())
        .await?;
    }
    sqlx::query!(
        r#"
        DELETE FROM pending_triggers p
        WHERE p.tenant_id = $1 AND p.dag_key = $2 AND p.event_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM asset_events e JOIN asset_consumers c USING (tenant_id, asset_id)
            WHERE e.event_id = p.event_id AND c.dag_key = p.dag_key AND c.condition = p.condition)
        "#,
        tenant,
        dag.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An asset that a task has produced.
#[derive(Clone, Debug)]
pub struct NewAssetEvent {
    /// Whose it is.
    pub tenant: TenantId,
    /// The asset; it is known since a version of the dag named it.
    pub uri: AssetUri,
    /// What the task says of it: JSON.
    pub extra: Option<Value>,
    /// Its run.
    pub run: RunKey,
    /// The task.
    pub task_id: TaskId,
    /// Its place in a mapped task, or -1.
    pub map_index: i32,
}

/// Records what tasks have produced, for the dags that wait for it and are not paused. Returns whether there are any.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn produced(tx: &mut Tx<'_>, events: &[NewAssetEvent], now: DateTime<Utc>) -> Result<bool, StoreError> {
    if events.is_empty() {
        return Ok(false);
    }
    let tenants: Vec<Uuid> = events.iter().map(|event| event.tenant.uuid()).collect();
    let uris: Vec<&str> = events.iter().map(|event| event.uri.as_str()).collect();
    let extras: Vec<Option<Value>> = events.iter().map(|event| event.extra.clone()).collect();
    let runs: Vec<Uuid> = events.iter().map(|event| event.run.uuid()).collect();
    let tasks: Vec<&str> = events.iter().map(|event| event.task_id.as_str()).collect();
    let maps: Vec<i32> = events.iter().map(|event| event.map_index).collect();
    let pending = sqlx::query!(
        r#"
        WITH events AS (
            INSERT INTO asset_events (tenant_id, asset_id, at, extra, source_dag_id, source_run_id, source_task_id, source_map_index)
            SELECT n.tenant_id, a.asset_id, $7, n.extra, d.dag_id, r.dag_run_id, n.task_id, n.map_index
            FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::uuid[], $5::text[], $6::int[])
                AS n (tenant_id, uri, extra, run_key, task_id, map_index)
            JOIN assets a ON a.tenant_id = n.tenant_id AND a.uri = n.uri
            JOIN dag_runs r ON r.run_key = n.run_key JOIN dags d ON d.dag_key = r.dag_key
            RETURNING tenant_id, asset_id, event_id
        )
        INSERT INTO pending_triggers (tenant_id, dag_key, condition, event_id)
        SELECT e.tenant_id, c.dag_key, c.condition, e.event_id
        FROM events e JOIN asset_consumers c USING (tenant_id, asset_id) JOIN dags d ON d.dag_key = c.dag_key AND NOT d.paused
        "#,
        &tenants,
        &uris as &[&str],
        &extras as &[Option<Value>],
        &runs,
        &tasks as &[&str],
        &maps,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(pending.rows_affected() > 0)
}

/// Records that an asset changed, told by somebody from outside. An asset that is not known yet becomes known. Returns the number of
/// the event.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn told(tx: &mut Tx<'_>, uri: &AssetUri, extra: Option<&Value>, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "INSERT INTO assets (tenant_id, uri, created_at) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, uri) DO NOTHING",
        tenant,
        uri.as_str(),
        now,
    )
    .execute(tx.conn())
    .await?;
    let event = sqlx::query_scalar!(
        r#"
        WITH event AS (
            INSERT INTO asset_events (tenant_id, asset_id, at, extra)
            SELECT $1, asset_id, $3, $4 FROM assets WHERE tenant_id = $1 AND uri = $2
            RETURNING tenant_id, asset_id, event_id
        ), pending AS (
            INSERT INTO pending_triggers (tenant_id, dag_key, condition, event_id)
            SELECT e.tenant_id, c.dag_key, c.condition, e.event_id
            FROM event e JOIN asset_consumers c USING (tenant_id, asset_id) JOIN dags d ON d.dag_key = c.dag_key AND NOT d.paused
        )
        SELECT event_id FROM event
        "#,
        tenant,
        uri.as_str(),
        now,
        extra,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(event)
}

/// Finds dags for which something has happened that no scheduler has looked at. A hint: [`pending`] looks again under the lock.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dags_to_look_at(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(TenantId, DagId)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT d.tenant_id, d.dag_key, d.dag_id FROM dags d
        WHERE d.dag_key IN (SELECT p.dag_key FROM pending_triggers p WHERE p.fresh LIMIT $1)
        "#,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| Ok((TenantId::from_uuid(row.tenant_id), row_of("dags", row.dag_key).name("dag_id", &row.dag_id)?)))
        .collect()
}

/// Something that has happened and has not made a run yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its number; what happened later has a higher one.
    pub id: i64,
    /// What it was.
    pub what: Happened,
}

/// What has happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// An asset that a condition names changed.
    Asset {
        /// The condition.
        condition: i32,
        /// What is known of it.
        event: AssetEventFacts,
    },
    /// A run of another dag ended.
    Ended(EndedRun),
}

/// An event of an asset, as runs are told of it.
#[derive(Clone, Debug)]
pub struct AssetEventFacts {
    /// Its number.
    pub id: i64,
    /// The asset.
    pub uri: AssetUri,
    /// When.
    pub at: DateTime<Utc>,
    /// What was said of it.
    pub extra: Option<Value>,
    /// Dag, run, task and map index that produced it.
    pub source: Option<(String, String, String, i32)>,
}

/// A run that ended.
#[derive(Clone, Debug)]
pub struct EndedRun {
    /// Its dag.
    pub dag_id: DagId,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// How it ended.
    pub state: RunStateName,
    /// The moment that it was for.
    pub logical_date: DateTime<Utc>,
    /// The interval that it covered.
    pub interval: Interval,
}

/// What has happened for a dag, which the transaction has locked, in the order in which it happened. It is not fresh any more.
///
/// # Errors
/// When the database cannot be reached.
pub async fn pending(tx: &mut Tx<'_>, dag: DagKey, limit: i64) -> Result<Vec<Pending>, StoreError> {
    let rows = sqlx::query!(
        r#"
        WITH looked_at AS (UPDATE pending_triggers SET fresh = false WHERE dag_key = $1 AND fresh)
        SELECT p.pending_id, p.condition, e.event_id AS "event_id?", a.uri AS "uri?", e.at AS "at?", e.extra, e.source_dag_id,
            e.source_run_id, e.source_task_id, e.source_map_index AS "source_map_index?", r.run_key AS "run_key?", o.dag_id AS "dag_id?",
            r.dag_run_id AS "dag_run_id?", r.state AS "state?", r.logical_date AS "logical_date?",
            r.data_interval_start AS "data_interval_start?", r.data_interval_end AS "data_interval_end?"
        FROM pending_triggers p
        LEFT JOIN asset_events e ON e.event_id = p.event_id LEFT JOIN assets a ON a.asset_id = e.asset_id
        LEFT JOIN dag_runs r ON r.run_key = p.ended_run LEFT JOIN dags o ON o.dag_key = r.dag_key
        WHERE p.dag_key = $1
        ORDER BY p.pending_id
        LIMIT $2
        "#,
        dag.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let origin = row_of("pending_triggers", row.pending_id);
        let what = match (row.condition, row.event_id, row.uri, row.at, row.source_map_index) {
            (Some(condition), Some(id), Some(uri), Some(at), Some(map_index)) => Happened::Asset {
                condition,
                event: AssetEventFacts {
                    id,
                    uri: origin.name("uri", &uri)?,
                    at,
                    extra: row.extra,
                    source: match (row.source_dag_id, row.source_run_id, row.source_task_id) {
                        (Some(dag), Some(run), Some(task)) => Some((dag, run, task, map_index)),
                        _ => None,
                    },
                },
            },
            _ => {
                let run = origin.known("ended_run", row.dag_run_id)?;
                Happened::Ended(EndedRun {
                    dag_id: origin.name("dag_id", &origin.known("dag_id", row.dag_id)?)?,
                    dag_run_id: origin.name("dag_run_id", &run)?,
                    state: origin.known("state", row.state.as_deref().and_then(RunStateName::parse))?,
                    logical_date: origin.known("logical_date", row.logical_date)?,
                    interval: Interval {
                        start: origin.known("data_interval_start", row.data_interval_start)?,
                        end: origin.known("data_interval_end", row.data_interval_end)?,
                    },
                })
            }
        };
        found.push(Pending { id: row.pending_id, what });
    }
    Ok(found)
}

/// Forgets what has made its run.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget(tx: &mut Tx<'_>, pending: &[i64]) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM pending_triggers WHERE pending_id = ANY($1)", pending).execute(tx.conn()).await?;
    Ok(())
}

/// Notes which events made a run.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn note_run(tx: &mut Tx<'_>, tenant: TenantId, run: RunKey, events: &[i64]) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO run_asset_events (tenant_id, run_key, event_id) SELECT $1, $2, event_id FROM unnest($3::bigint[]) AS n (event_id)",
        tenant.uuid(),
        run.uuid(),
        events,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
