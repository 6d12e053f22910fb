//! Backfills: what was asked for, how far they are, and taking their next steps.

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::backfill::{BackfillState, PastRuns, Reprocess};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::schedule::Interval;
use cofferdam_ids::{BackfillId, DagId, DagKey, DagVersionId, RunKey, TenantId, UserId};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// How many of a dag's last runs a forecast looks at.
const PAST_RUNS: i64 = 20;

/// A backfill to be stored.
#[derive(Clone, Debug)]
pub struct NewBackfill {
    /// Its id, made by the caller.
    pub id: BackfillId,
    /// Its dag.
    pub dag: DagKey,
    /// Its intervals begin here or later.
    pub from: DateTime<Utc>,
    /// They begin here or earlier.
    pub to: DateTime<Utc>,
    /// Whether the latest is run first.
    pub backwards: bool,
    /// Which intervals are run that have a run.
    pub reprocess: Reprocess,
    /// Its runs at once.
    pub max_active_runs: u32,
    /// What its runs are triggered with: a JSON object.
    pub conf: Value,
    /// Its intervals, in the order in which they are run.
    pub intervals: Vec<Interval>,
    /// Who asked for it.
    pub created_by: Option<UserId>,
}

/// A backfill.
#[derive(Clone, Debug, PartialEq)]
pub struct Backfill {
    /// Its id.
    pub id: BackfillId,
    /// Its dag's name.
    pub dag_id: DagId,
    /// Its intervals begin here or later.
    pub from: DateTime<Utc>,
    /// They begin here or earlier.
    pub to: DateTime<Utc>,
    /// Whether the latest is run first.
    pub backwards: bool,
    /// Which intervals are run that have a run.
    pub reprocess: Reprocess,
    /// Its runs at once.
    pub max_active_runs: u32,
    /// What its runs are triggered with.
    pub conf: Value,
    /// Where it stands.
    pub state: BackfillState,
    /// How far it is.
    pub progress: Progress,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was paused, resumed or ended last.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How many intervals of a backfill are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All of them.
    pub total: u32,
    /// Their turn has not come.
    pub waiting: u32,
    /// They have a run already, so none was made.
    pub left_out: u32,
    /// Their run waits.
    pub queued: u32,
    /// Their run goes on.
    pub running: u32,
    /// Their run succeeded.
    pub success: u32,
    /// Their run failed.
    pub failed: u32,
    /// Their run was made, and has been deleted since.
    pub deleted: u32,
}

struct Row {
    backfill_id: Uuid,
    dag_id: String,
    from_date: DateTime<Utc>,
    to_date: DateTime<Utc>,
    run_backwards: bool,
    reprocess: String,
    max_active_runs: i32,
    conf: Value,
    state: String,
    total: i32,
    waiting: i64,
    left_out: i64,
    queued: i64,
    running: i64,
    success: i64,
    failed: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Backfill {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("backfills", row.backfill_id);
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let total: u32 = origin.number("total", row.total)?;
        let mut progress = Progress {
            total,
            waiting: count(row.waiting),
            left_out: count(row.left_out),
            queued: count(row.queued),
            running: count(row.running),
            success: count(row.success),
            failed: count(row.failed),
            deleted: 0,
        };
        let Progress { waiting, left_out, queued, running, success, failed, .. } = progress;
        progress.deleted = total.saturating_sub(waiting + left_out + queued + running + success + failed);
        Ok(Self {
            id: BackfillId::from_uuid(row.backfill_id),
            dag_id: origin.name("dag_id", &row.dag_id)?,
            from: row.from_date,
            to: row.to_date,
            backwards: row.run_backwards,
            reprocess: origin.known("reprocess", Reprocess::parse(&row.reprocess))?,
            max_active_runs: origin.number("max_active_runs", row.max_active_runs)?,
            conf: row.conf,
            state: origin.known("state", BackfillState::parse(&row.state))?,
            progress,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        })
    }
}

/// Stores a backfill with all its intervals.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn create(tx: &mut Tx<'_>, new: &NewBackfill, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        INSERT INTO backfills (backfill_id, tenant_id, dag_key, from_date, to_date, run_backwards, reprocess, max_active_runs, conf, state,
            total, created_at, updated_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running', $10, $11, $11, $12)
        "#,
        new.id.uuid(),
        tenant,
        new.dag.uuid(),
        new.from,
        new.to,
        new.backwards,
        new.reprocess.as_str(),
        i32::try_from(new.max_active_runs).unwrap_or(i32::MAX),
        new.conf,
        i32::try_from(new.intervals.len()).unwrap_or(i32::MAX),
        now,
        new.created_by.map(UserId::uuid),
    )
    .execute(tx.conn())
    .await?;
    let starts: Vec<DateTime<Utc>> = new.intervals.iter().map(|interval| interval.start).collect();
    let ends: Vec<DateTime<Utc>> = new.intervals.iter().map(|interval| interval.end).collect();
    sqlx::query!(
        r#"
        INSERT INTO backfill_intervals (backfill_id, position, tenant_id, interval_start, interval_end)
        SELECT $1, n.position - 1, $2, n.interval_start, n.interval_end
        FROM unnest($3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS n (interval_start, interval_end, position)
        "#,
        new.id.uuid(),
        tenant,
        &starts,
        &ends,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// By what a list of backfills is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackfillField {
    /// When they were made.
    #[default]
    Made,
    /// The dag's name.
    Dag,
    /// Their state.
    State,
    /// Where their intervals begin.
    From,
}

impl BackfillField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Dag => "dag",
            Self::State => "state",
            Self::From => "from",
        }
    }
}

/// Backfills of the tenant; of one dag when it is named, and in one of the states when there are any. What is equal in the order comes the
/// latest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    tx: &mut Tx<'_>,
    dag_id: Option<&DagId>,
    states: &[BackfillState],
    order: Order<BackfillField>,
    page: Page,
) -> Result<Listed<Backfill>, StoreError> {
    let tenant = tx.tenant();
    let dag_id = dag_id.map(DagId::as_str);
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = read(tx, tenant, dag_id, None, &states, order, page).await?;
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM backfills b JOIN dags d USING (tenant_id, dag_key)
        WHERE b.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2) AND (cardinality($3::text[]) = 0 OR b.state = ANY ($3))
        "#,
        tenant,
        dag_id,
        &states,
    )
    .fetch_one(tx.conn())
    .await?;
    let items = rows.into_iter().map(Backfill::try_from).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: u64::try_from(total).unwrap_or(0) })
}

/// One backfill.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: BackfillId) -> Result<Backfill, StoreError> {
    let tenant = tx.tenant();
    let mut rows = read(tx, tenant, None, Some(id.uuid()), &[], Order::default(), Page::first(1)).await?;
    rows.pop().ok_or_else(|| StoreError::not_found("backfill", id))?.try_into()
}

async fn read(
    tx: &mut Tx<'_>,
    tenant: Uuid,
    dag_id: Option<&str>,
    id: Option<Uuid>,
    states: &[String],
    order: Order<BackfillField>,
    page: Page,
) -> Result<Vec<Row>, StoreError> {
    Ok(sqlx::query_as!(
        Row,
        r#"
        SELECT b.backfill_id, d.dag_id, b.from_date, b.to_date, b.run_backwards, b.reprocess, b.max_active_runs, b.conf, b.state, b.total,
            p.waiting AS "waiting!", p.left_out AS "left_out!", p.queued AS "queued!", p.running AS "running!", p.success AS "success!",
            p.failed AS "failed!", b.created_at, b.updated_at, b.ended_at
        FROM backfills b JOIN dags d USING (tenant_id, dag_key)
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE i.outcome IS NULL) AS waiting, count(*) FILTER (WHERE i.outcome = 'left_out') AS left_out,
                count(*) FILTER (WHERE r.state = 'queued') AS queued, count(*) FILTER (WHERE r.state = 'running') AS running,
                count(*) FILTER (WHERE r.state = 'success') AS success, count(*) FILTER (WHERE r.state = 'failed') AS failed
            FROM backfill_intervals i LEFT JOIN dag_runs r ON r.run_key = i.run_key
            WHERE i.backfill_id = b.backfill_id) p
        CROSS JOIN LATERAL (SELECT CASE $5 WHEN 'dag' THEN d.dag_id WHEN 'state' THEN b.state END AS word,
            CASE $5 WHEN 'from' THEN b.from_date WHEN 'made' THEN b.created_at END AS at) k
        WHERE b.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2) AND ($3::uuid IS NULL OR b.backfill_id = $3)
          AND (cardinality($4::text[]) = 0 OR b.state = ANY ($4))
        ORDER BY CASE WHEN NOT $6 THEN k.word END, CASE WHEN $6 THEN k.word END DESC, CASE WHEN NOT $6 THEN k.at END,
            CASE WHEN $6 THEN k.at END DESC, b.backfill_id DESC
        LIMIT $7 OFFSET $8
        "#,
        tenant,
        dag_id,
        id,
        states,
        order.field.as_str(),
        order.backwards,
        page.limit(),
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Sets the state of a backfill that is in one of the states `from`. Returns whether it was.
///
/// # Errors
/// When the database cannot be reached.
pub async fn set_state(
    tx: &mut Tx<'_>,
    id: BackfillId,
    from: &[BackfillState],
    to: BackfillState,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
    let changed = sqlx::query!(
        r#"
        UPDATE backfills SET state = $3, updated_at = $4, ended_at = CASE WHEN $5 THEN $4::timestamptz END
        WHERE tenant_id = $1 AND backfill_id = $2 AND state = ANY($6)
        "#,
        tenant,
        id.uuid(),
        to.as_str(),
        now,
        to.is_ended(),
        &from as &[&str],
    )
    .execute(tx.conn())
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// The runs of a backfill that are not finished, in order of their keys.
///
/// # Errors
/// When the database cannot be reached.
pub async fn unfinished_runs(tx: &mut Tx<'_>, id: BackfillId) -> Result<Vec<RunKey>, StoreError> {
    let tenant = tx.tenant();
    let keys = sqlx::query_scalar!(
        r#"
        SELECT r.run_key FROM backfill_intervals i JOIN dag_runs r ON r.run_key = i.run_key
        WHERE i.tenant_id = $1 AND i.backfill_id = $2 AND r.state IN ('queued', 'running')
        ORDER BY r.run_key
        "#,
        tenant,
        id.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(keys.into_iter().map(RunKey::from_uuid).collect())
}

/// The states of the last scheduled or backfilled runs of a dag, by their logical dates: of those of `dates` that have one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn last_states(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    dag: DagKey,
    dates: &[DateTime<Utc>],
) -> Result<HashMap<DateTime<Utc>, RunStateName>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT DISTINCT ON (logical_date) logical_date, run_key, state FROM dag_runs
        WHERE tenant_id = $1 AND dag_key = $2 AND logical_date = ANY($3) AND run_type IN ('scheduled', 'backfill')
        ORDER BY logical_date, run_key DESC
        "#,
        tenant.uuid(),
        dag.uuid(),
        dates,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let state = row_of("dag_runs", row.run_key).known("state", RunStateName::parse(&row.state))?;
            Ok((row.logical_date, state))
        })
        .collect()
}

/// What the last successful runs of a dag used, on average.
///
/// # Errors
/// When the database cannot be reached.
pub async fn past_runs(tx: &mut Tx<'_>, dag: DagKey) -> Result<PastRuns, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        WITH past AS (
            SELECT run_key, extract(epoch FROM ended_at - started_at) * 1000 AS wall_ms FROM dag_runs
            WHERE tenant_id = $1 AND dag_key = $2 AND state = 'success' AND started_at IS NOT NULL
            ORDER BY logical_date DESC LIMIT $3
        ), used AS (
            SELECT p.run_key, p.wall_ms, coalesce(sum(t.fuel), 0) AS fuel, coalesce(sum(t.cpu_us), 0) / 1000.0 AS cpu_ms,
                count(t.try_number) AS tries
            FROM past p LEFT JOIN task_instances ti USING (run_key) LEFT JOIN tries t USING (instance_id)
            GROUP BY p.run_key, p.wall_ms
        )
        SELECT count(*) AS "runs!", avg(fuel)::float8 AS fuel, avg(cpu_ms)::float8 AS cpu_ms, avg(wall_ms)::float8 AS wall_ms,
            avg(tries)::float8 AS tries
        FROM used
        "#,
        tenant,
        dag.uuid(),
        PAST_RUNS,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(PastRuns {
        runs: u32::try_from(row.runs).unwrap_or(0),
        fuel: row.fuel.unwrap_or(0.0),
        cpu_ms: row.cpu_ms.unwrap_or(0.0),
        wall_ms: row.wall_ms.unwrap_or(0.0),
        tries: row.tries.unwrap_or(0.0),
    })
}

/// A backfill whose next step is due, locked until the transaction ends.
#[derive(Clone, Debug)]
pub struct DueBackfill {
    /// The backfill.
    pub id: BackfillId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its dag.
    pub dag: DagKey,
    /// Its dag's name.
    pub dag_id: DagId,
    /// The dag's current version, which its runs get.
    pub version: DagVersionId,
    /// Which intervals are run that have a run.
    pub reprocess: Reprocess,
    /// What its runs are triggered with.
    pub conf: Value,
    /// Who asked for it.
    pub created_by: Option<UserId>,
    /// How many more of its runs may be active.
    pub room: i64,
    /// Whether a run of it is not finished.
    pub active: bool,
}

/// Finds running backfills that could go on: they have room for a run, or nothing left to do. Those of paused dags wait. A hint:
/// [`lock`] looks again under the lock.
///
/// # Errors
/// When the database cannot be reached.
pub async fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<BackfillId>, StoreError> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT b.backfill_id FROM backfills b JOIN dags d USING (dag_key)
        CROSS JOIN LATERAL (SELECT count(*) AS active FROM backfill_intervals i JOIN dag_runs r ON r.run_key = i.run_key
            WHERE i.backfill_id = b.backfill_id AND r.state IN ('queued', 'running')) a
        WHERE b.state = 'running' AND NOT d.paused
          AND CASE WHEN EXISTS (SELECT FROM backfill_intervals i WHERE i.backfill_id = b.backfill_id AND i.outcome IS NULL)
              THEN a.active < b.max_active_runs ELSE a.active = 0 END
        ORDER BY b.backfill_id
        LIMIT $1
        "#,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(BackfillId::from_uuid).collect())
}

/// Locks a running backfill that no other scheduler holds.
///
/// # Errors
/// When the database cannot be reached.
pub async fn lock(tx: &mut Tx<'_>, id: BackfillId) -> Result<Option<DueBackfill>, StoreError> {
    let Some(row) = sqlx::query!(
        r#"
        SELECT b.tenant_id, b.dag_key, d.dag_id, d.current_version_id, b.reprocess, b.conf, b.created_by, b.max_active_runs
        FROM backfills b JOIN dags d USING (dag_key)
        WHERE b.backfill_id = $1 AND b.state = 'running' AND NOT d.paused
        FOR UPDATE OF b SKIP LOCKED
        "#,
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?
    else {
        return Ok(None);
    };
    // A statement of its own: its snapshot is taken after the lock, so it sees the runs of whoever held it before.
    let active = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM backfill_intervals i JOIN dag_runs r ON r.run_key = i.run_key
        WHERE i.backfill_id = $1 AND r.state IN ('queued', 'running')
        "#,
        id.uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    let origin = row_of("backfills", id.uuid());
    Ok(Some(DueBackfill {
        id,
        tenant: TenantId::from_uuid(row.tenant_id),
        dag: DagKey::from_uuid(row.dag_key),
        dag_id: origin.name("dag_id", &row.dag_id)?,
        version: DagVersionId::from_uuid(row.current_version_id),
        reprocess: origin.known("reprocess", Reprocess::parse(&row.reprocess))?,
        conf: row.conf,
        created_by: row.created_by.map(UserId::from_uuid),
        room: i64::from(row.max_active_runs) - active,
        active: active > 0,
    }))
}

/// The next intervals of a locked backfill whose turn has not come, with their positions.
///
/// # Errors
/// When the database cannot be reached.
pub async fn next_intervals(tx: &mut Tx<'_>, id: BackfillId, limit: i64) -> Result<Vec<(i32, Interval)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT position, interval_start, interval_end FROM backfill_intervals
        WHERE backfill_id = $1 AND outcome IS NULL ORDER BY position LIMIT $2
        "#,
        id.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.position, Interval { start: row.interval_start, end: row.interval_end })).collect())
}

/// Notes what became of intervals: the run that was made, or none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn note_outcomes(tx: &mut Tx<'_>, id: BackfillId, outcomes: &[(i32, Option<RunKey>)]) -> Result<(), StoreError> {
    let positions: Vec<i32> = outcomes.iter().map(|(position, _)| *position).collect();
    let runs: Vec<Option<Uuid>> = outcomes.iter().map(|(_, run)| run.map(RunKey::uuid)).collect();
    sqlx::query!(
        r#"
        UPDATE backfill_intervals i SET outcome = CASE WHEN n.run_key IS NULL THEN 'left_out' ELSE 'made' END, run_key = n.run_key
        FROM unnest($2::int[], $3::uuid[]) AS n (position, run_key)
        WHERE i.backfill_id = $1 AND i.position = n.position AND i.outcome IS NULL
        "#,
        id.uuid(),
        &positions,
        &runs as &[Option<Uuid>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a locked backfill that has nothing left to do.
///
/// # Errors
/// When the database cannot be reached.
pub async fn complete(tx: &mut Tx<'_>, id: BackfillId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE backfills SET state = 'completed', updated_at = $2, ended_at = $2 WHERE backfill_id = $1 AND state = 'running'",
        id.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
