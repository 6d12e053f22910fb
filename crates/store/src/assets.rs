//! Reading assets and what has happened to them. What writes them is in [`crate::execution::triggers`].

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::asset::AssetUri;
use cofferdam_ids::{DagId, RunKey};
use serde_json::Value;

/// An asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub uri: AssetUri,
    /// When it was named first.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub last_event_at: Option<DateTime<Utc>>,
    /// The tasks that produce it: dag and task.
    pub producers: Vec<(String, String)>,
    /// The dags that wait for it.
    pub consumers: Vec<String>,
}

/// A change of an asset.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetEvent {
    /// Its number.
    pub id: i64,
    /// The asset's number.
    pub asset_id: i64,
    /// The asset.
    pub uri: AssetUri,
    /// When.
    pub at: DateTime<Utc>,
    /// What was said of it.
    pub extra: Option<Value>,
    /// The dag that produced it.
    pub source_dag_id: Option<String>,
    /// Its run.
    pub source_run_id: Option<String>,
    /// The task.
    pub source_task_id: Option<String>,
    /// Its place in a mapped task, or -1.
    pub source_map_index: i32,
    /// The runs that it made: dag, name and state.
    pub made: Vec<(String, String, String)>,
}

/// Which events a list is about.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only those of this asset.
    pub uri: Option<AssetUri>,
    /// Only those of the asset of this number.
    pub asset_id: Option<i64>,
    /// Only those that a task of this dag produced.
    pub source_dag_id: Option<String>,
    /// Only this one.
    pub id: Option<i64>,
    /// Only those that a task of this name produced.
    pub source_task_id: Option<String>,
    /// Only those of a run of this name.
    pub source_run_id: Option<String>,
    /// Only those of this place in a mapped task.
    pub source_map_index: Option<i32>,
    /// Only those that made this run.
    pub made_run: Option<RunKey>,
    /// Their order; forwards is the earliest first.
    pub order: Order<AssetEventField>,
}

/// By what a list of assets is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssetField {
    /// Its name.
    #[default]
    Name,
    /// Its number: the one that was named first comes first.
    Number,
    /// When it became known.
    Made,
    /// When it changed last, or became known.
    Changed,
}

impl AssetField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Number => "number",
            Self::Made => "made",
            Self::Changed => "changed",
        }
    }
}

/// By what a list of changes of assets is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssetEventField {
    /// When it happened.
    #[default]
    Time,
    /// The dag whose task produced it.
    Dag,
    /// That task.
    Task,
    /// The name of its run.
    Run,
    /// Its place in a mapped task.
    MapIndex,
}

impl AssetEventField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Dag => "dag",
            Self::Task => "task",
            Self::Run => "run",
            Self::MapIndex => "map_index",
        }
    }
}

/// A change of an asset for which a dag has not run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The asset.
    pub uri: AssetUri,
    /// The dag that waits.
    pub dag_id: DagId,
    /// When it changed first since the dag's last run.
    pub since: DateTime<Utc>,
}

/// Which of these are meant. What is nothing does not bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuedFilter {
    /// Of this dag.
    pub dag: Option<DagId>,
    /// Of this asset.
    pub uri: Option<AssetUri>,
    /// From before this time.
    pub before: Option<DateTime<Utc>>,
}

struct AssetRow {
    asset_id: i64,
    uri: String,
    created_at: DateTime<Utc>,
    last_event_at: Option<DateTime<Utc>>,
    producing_dags: Vec<String>,
    producing_tasks: Vec<String>,
    consumers: Vec<String>,
}

/// Assets, by name; those whose name contains `pattern`, and the one that is called `uri`, when these are given.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    tx: &mut Tx<'_>,
    pattern: Option<&str>,
    uri: Option<&AssetUri>,
    page: Page,
) -> Result<Listed<Asset>, StoreError> {
    find(tx, pattern, uri, &[], Order::default(), page).await
}

/// Assets in an order; with `dags` only those that one of them produces or waits for.
///
/// # Errors
/// When the database cannot be reached.
pub async fn search(
    tx: &mut Tx<'_>,
    pattern: Option<&str>,
    dags: &[String],
    order: Order<AssetField>,
    page: Page,
) -> Result<Listed<Asset>, StoreError> {
    find(tx, pattern, None, dags, order, page).await
}

async fn find(
    tx: &mut Tx<'_>,
    pattern: Option<&str>,
    uri: Option<&AssetUri>,
    dags: &[String],
    order: Order<AssetField>,
    page: Page,
) -> Result<Listed<Asset>, StoreError> {
    let tenant = tx.tenant();
    let uri = uri.map(AssetUri::as_str);
    let rows = sqlx::query_as!(
        AssetRow,
        r#"
        SELECT a.asset_id, a.uri, a.created_at,
            (SELECT max(e.at) FROM asset_events e WHERE e.tenant_id = a.tenant_id AND e.asset_id = a.asset_id) AS last_event_at,
            ARRAY(SELECT d.dag_id FROM asset_producers p JOIN dags d USING (dag_key) WHERE p.tenant_id = a.tenant_id
                AND p.asset_id = a.asset_id ORDER BY d.dag_id, p.task_id) AS "producing_dags!",
            ARRAY(SELECT p.task_id FROM asset_producers p JOIN dags d USING (dag_key) WHERE p.tenant_id = a.tenant_id
                AND p.asset_id = a.asset_id ORDER BY d.dag_id, p.task_id) AS "producing_tasks!",
            ARRAY(SELECT DISTINCT d.dag_id FROM asset_consumers c JOIN dags d USING (dag_key) WHERE c.tenant_id = a.tenant_id
                AND c.asset_id = a.asset_id ORDER BY d.dag_id) AS "consumers!"
        FROM assets a
        CROSS JOIN LATERAL (SELECT CASE $5 WHEN 'number' THEN a.asset_id WHEN 'made' THEN extract(epoch FROM a.created_at)
            WHEN 'changed' THEN extract(epoch FROM coalesce(
                (SELECT max(e.at) FROM asset_events e WHERE e.tenant_id = a.tenant_id AND e.asset_id = a.asset_id), a.created_at))
            END AS number) k
        WHERE a.tenant_id = $1 AND ($2::text IS NULL OR strpos(a.uri, $2) > 0) AND ($3::text IS NULL OR a.uri = $3)
          AND (cardinality($4::text[]) = 0
            OR EXISTS (SELECT FROM asset_producers p JOIN dags d USING (dag_key) WHERE p.asset_id = a.asset_id AND d.dag_id = ANY ($4))
            OR EXISTS (SELECT FROM asset_consumers c JOIN dags d USING (dag_key) WHERE c.asset_id = a.asset_id AND d.dag_id = ANY ($4)))
        ORDER BY CASE WHEN NOT $6 THEN k.number END, CASE WHEN $6 THEN k.number END DESC,
            CASE WHEN $6 AND $5 = 'name' THEN a.uri END DESC, a.uri
        LIMIT $7 OFFSET $8
        "#,
        tenant,
        pattern,
        uri,
        dags,
        order.field.as_str(),
        order.backwards,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM assets a
        WHERE a.tenant_id = $1 AND ($2::text IS NULL OR strpos(a.uri, $2) > 0) AND ($3::text IS NULL OR a.uri = $3)
          AND (cardinality($4::text[]) = 0
            OR EXISTS (SELECT FROM asset_producers p JOIN dags d USING (dag_key) WHERE p.asset_id = a.asset_id AND d.dag_id = ANY ($4))
            OR EXISTS (SELECT FROM asset_consumers c JOIN dags d USING (dag_key) WHERE c.asset_id = a.asset_id AND d.dag_id = ANY ($4)))
        "#,
        tenant,
        pattern,
        uri,
        dags,
    )
    .fetch_one(tx.conn())
    .await?;
    let items = rows
        .into_iter()
        .map(|row| {
            Ok(Asset {
                id: row.asset_id,
                uri: row_of("assets", row.asset_id).name("uri", &row.uri)?,
                created_at: row.created_at,
                last_event_at: row.last_event_at,
                producers: row.producing_dags.into_iter().zip(row.producing_tasks).collect(),
                consumers: row.consumers,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: u64::try_from(total).unwrap_or(0) })
}

/// One asset.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, uri: &AssetUri) -> Result<Asset, StoreError> {
    let found = list(tx, None, Some(uri), Page::first(1)).await?;
    found.items.into_iter().next().ok_or_else(|| StoreError::not_found("asset", uri))
}

/// What has happened to assets, the latest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn events(tx: &mut Tx<'_>, filter: &EventFilter, page: Page) -> Result<Listed<AssetEvent>, StoreError> {
    let tenant = tx.tenant();
    let uri = filter.uri.as_ref().map(AssetUri::as_str);
    let made = filter.made_run.map(RunKey::uuid);
    let rows = sqlx::query!(
        r#"
        SELECT e.event_id, e.asset_id, a.uri, e.at, e.extra, e.source_dag_id, e.source_run_id, e.source_task_id, e.source_map_index,
            ARRAY(SELECT d.dag_id FROM run_asset_events m JOIN dag_runs r USING (run_key) JOIN dags d USING (dag_key)
                WHERE m.event_id = e.event_id ORDER BY r.run_key) AS "made_dags!",
            ARRAY(SELECT r.dag_run_id FROM run_asset_events m JOIN dag_runs r USING (run_key)
                WHERE m.event_id = e.event_id ORDER BY r.run_key) AS "made_runs!",
            ARRAY(SELECT r.state FROM run_asset_events m JOIN dag_runs r USING (run_key)
                WHERE m.event_id = e.event_id ORDER BY r.run_key) AS "made_states!"
        FROM asset_events e JOIN assets a USING (tenant_id, asset_id)
        CROSS JOIN LATERAL (SELECT CASE $10 WHEN 'dag' THEN e.source_dag_id WHEN 'task' THEN e.source_task_id
            WHEN 'run' THEN e.source_run_id END AS word, CASE $10 WHEN 'map_index' THEN e.source_map_index END AS number) k
        WHERE e.tenant_id = $1 AND ($2::text IS NULL OR a.uri = $2) AND ($3::bigint IS NULL OR e.asset_id = $3)
          AND ($4::text IS NULL OR e.source_dag_id = $4) AND ($5::bigint IS NULL OR e.event_id = $5)
          AND ($6::text IS NULL OR e.source_task_id = $6) AND ($7::text IS NULL OR e.source_run_id = $7)
          AND ($8::int IS NULL OR e.source_map_index = $8)
          AND ($9::uuid IS NULL OR EXISTS (SELECT FROM run_asset_events m WHERE m.event_id = e.event_id AND m.run_key = $9))
        ORDER BY CASE WHEN NOT $11 THEN k.word END, CASE WHEN $11 THEN k.word END DESC NULLS LAST,
            CASE WHEN NOT $11 THEN k.number END, CASE WHEN $11 THEN k.number END DESC NULLS LAST,
            CASE WHEN NOT $11 THEN e.event_id END, e.event_id DESC
        LIMIT $12 OFFSET $13
        "#,
        tenant,
        uri,
        filter.asset_id,
        filter.source_dag_id,
        filter.id,
        filter.source_task_id,
        filter.source_run_id,
        filter.source_map_index,
        made,
        filter.order.field.as_str(),
        filter.order.backwards,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM asset_events e JOIN assets a USING (tenant_id, asset_id)
        WHERE e.tenant_id = $1 AND ($2::text IS NULL OR a.uri = $2) AND ($3::bigint IS NULL OR e.asset_id = $3)
          AND ($4::text IS NULL OR e.source_dag_id = $4) AND ($5::bigint IS NULL OR e.event_id = $5)
          AND ($6::text IS NULL OR e.source_task_id = $6) AND ($7::text IS NULL OR e.source_run_id = $7)
          AND ($8::int IS NULL OR e.source_map_index = $8)
          AND ($9::uuid IS NULL OR EXISTS (SELECT FROM run_asset_events m WHERE m.event_id = e.event_id AND m.run_key = $9))
        "#,
        tenant,
        uri,
        filter.asset_id,
        filter.source_dag_id,
        filter.id,
        filter.source_task_id,
        filter.source_run_id,
        filter.source_map_index,
        made,
    )
    .fetch_one(tx.conn())
    .await?;
    let items = rows
        .into_iter()
        .map(|row| {
            let made = row.made_dags.into_iter().zip(row.made_runs).zip(row.made_states);
            Ok(AssetEvent {
                id: row.event_id,
                asset_id: row.asset_id,
                uri: row_of("assets", row.asset_id).name("uri", &row.uri)?,
                at: row.at,
                extra: row.extra,
                source_dag_id: row.source_dag_id,
                source_run_id: row.source_run_id,
                source_task_id: row.source_task_id,
                source_map_index: row.source_map_index,
                made: made.map(|((dag, run), state)| (dag, run, state)).collect(),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Listed { items, total: u64::try_from(total).unwrap_or(0) })
}

/// The changes of assets for which dags have not run yet, by asset and dag.
///
/// # Errors
/// When the database cannot be reached.
pub async fn queued(tx: &mut Tx<'_>, filter: &QueuedFilter) -> Result<Vec<Queued>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        SELECT a.asset_id, a.uri, d.dag_id, min(e.at) AS "since!"
        FROM pending_triggers p JOIN asset_events e USING (event_id) JOIN assets a ON a.asset_id = e.asset_id JOIN dags d USING (dag_key)
        WHERE p.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2) AND ($3::text IS NULL OR a.uri = $3)
          AND ($4::timestamptz IS NULL OR e.at < $4)
        GROUP BY a.asset_id, a.uri, d.dag_id ORDER BY a.uri, d.dag_id
        "#,
        tenant,
        filter.dag.as_ref().map(DagId::as_str),
        filter.uri.as_ref().map(AssetUri::as_str),
        filter.before
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("assets", row.asset_id);
        Ok(Queued { uri: origin.name("uri", &row.uri)?, dag_id: origin.name("dag_id", &row.dag_id)?, since: row.since })
    })
    .collect()
}

/// Forgets changes of assets for which dags have not run yet. Returns how many.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn forget_queued(tx: &mut Tx<'_>, filter: &QueuedFilter) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        DELETE FROM pending_triggers p USING asset_events e, assets a, dags d
        WHERE e.event_id = p.event_id AND a.asset_id = e.asset_id AND d.dag_key = p.dag_key AND p.tenant_id = $1
          AND ($2::text IS NULL OR d.dag_id = $2) AND ($3::text IS NULL OR a.uri = $3) AND ($4::timestamptz IS NULL OR e.at < $4)
        "#,
        tenant,
        filter.dag.as_ref().map(DagId::as_str),
        filter.uri.as_ref().map(AssetUri::as_str),
        filter.before
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
