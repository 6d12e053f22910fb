//! Reading dag runs. What changes them is in [`crate::execution`].

use crate::read::row_of;
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId, RunKey, TaskInstanceId};
use serde_json::Value;
use uuid::Uuid;

/// A dag run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its key.
    pub key: RunKey,
    /// Its dag.
    pub dag: DagKey,
    /// Its dag's name.
    pub dag_id: DagId,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// The dag version that it is pinned to.
    pub version: DagVersionId,
    /// That version's number.
    pub version_number: u32,
    /// What made it.
    pub run_type: RunType,
    /// Its state.
    pub state: RunStateName,
    /// Why, where there is more to say than the state.
    pub reason: Option<Reason>,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
    /// Start of the interval of data that it covers.
    pub data_interval_start: DateTime<Utc>,
    /// End of that interval.
    pub data_interval_end: DateTime<Utc>,
    /// What it was triggered with: a JSON object.
    pub conf: Value,
    /// A remark of whoever triggered it.
    pub note: Option<String>,
    /// Task instances that are not finished.
    pub unfinished: u32,
    /// When somebody asked to cancel it.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub queued_at: DateTime<Utc>,
    /// When its first tasks were queued.
    pub started_at: Option<DateTime<Utc>>,
    /// When it finished.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Which runs a list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs of this dag; else of all of the tenant's.
    pub dag_id: Option<DagId>,
    /// Only runs in one of these states; none named: in any.
    pub states: Vec<RunStateName>,
    /// Only runs that were made so; none named: in any way.
    pub types: Vec<RunType>,
    /// Only runs for this moment or later.
    pub logical_date_from: Option<DateTime<Utc>>,
    /// Only runs for this moment or earlier.
    pub logical_date_to: Option<DateTime<Utc>>,
    /// Only runs of these dags; none named: of any.
    pub dag_ids: Vec<DagId>,
    /// Only runs that started in this time.
    pub started: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Only runs that ended in this time.
    pub ended: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Only runs that changed last in this time: when they ended, started, or were made.
    pub updated: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

/// The order of a list of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunOrder {
    /// The latest logical date first.
    #[default]
    LatestLogicalDate,
    /// The earliest logical date first.
    EarliestLogicalDate,
    /// The one made last first.
    LastQueued,
    /// The one made first first.
    FirstQueued,
    /// The one that started last first; those that have not started come last.
    LastStarted,
    /// The one that started first first.
    FirstStarted,
    /// The one that ended last first; those that have not ended come last.
    LastEnded,
    /// The one that ended first first.
    FirstEnded,
    /// By name.
    Name,
    /// By name, backwards.
    NameBackwards,
    /// By something else, for which there is no index; what is equal there comes by logical date.
    Other(Order<RunField>),
}

/// By what else a list of runs is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunField {
    /// The state.
    State,
    /// The dag's name.
    Dag,
    /// Whether a person or the API made it; first those that neither did.
    ByHand,
    /// When it changed last: when it ended, started, or was made.
    Changed,
}

impl RunField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Dag => "dag",
            Self::ByHand => "by_hand",
            Self::Changed => "changed",
        }
    }
}

struct Row {
    run_key: Uuid,
    dag_key: Uuid,
    dag_id: String,
    dag_run_id: String,
    dag_version_id: Uuid,
    version_number: i32,
    run_type: String,
    state: String,
    reason: Option<String>,
    logical_date: DateTime<Utc>,
    data_interval_start: DateTime<Utc>,
    data_interval_end: DateTime<Utc>,
    conf: Value,
    note: Option<String>,
    unfinished: i32,
    cancel_requested_at: Option<DateTime<Utc>>,
    queued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Run {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("dag_runs", row.run_key);
        Ok(Self {
            key: RunKey::from_uuid(row.run_key),
            dag: DagKey::from_uuid(row.dag_key),
            dag_id: row_of("dags", row.dag_key).name("dag_id", &row.dag_id)?,
            dag_run_id: origin.name("dag_run_id", &row.dag_run_id)?,
            version: DagVersionId::from_uuid(row.dag_version_id),
            version_number: origin.number("version_number", row.version_number)?,
            run_type: origin.known("run_type", RunType::parse(&row.run_type))?,
            state: origin.known("state", RunStateName::parse(&row.state))?,
            reason: origin.known_if_set("reason", row.reason.as_deref(), Reason::parse)?,
            logical_date: row.logical_date,
            data_interval_start: row.data_interval_start,
            data_interval_end: row.data_interval_end,
            conf: row.conf,
            note: row.note,
            unfinished: origin.number("unfinished", row.unfinished)?,
            cancel_requested_at: row.cancel_requested_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

/// The list in one order. An order that PostgreSQL can take from an index must stand in the text of the query, so each has its own.
macro_rules! ordered {
    ($order:literal, $tenant:expr, $filter:expr, $states:expr, $dags:expr, $types:expr, $page:expr $(, $more:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"
            SELECT r.run_key, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, v.version_number, r.run_type, r.state, r.reason,
                r.logical_date, r.data_interval_start, r.data_interval_end, r.conf, r.note, r.unfinished, r.cancel_requested_at,
                r.queued_at, r.started_at, r.ended_at
            -- The page is cut before anything is joined to it.
            FROM (SELECT * FROM dag_runs r
            WHERE r.tenant_id = $1 AND ($2::text IS NULL OR r.dag_key = (SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = $2))
              AND (cardinality($3::text[]) = 0 OR r.state = ANY ($3))
              AND ($4::timestamptz IS NULL OR r.logical_date >= $4) AND ($5::timestamptz IS NULL OR r.logical_date <= $5)
              AND (cardinality($6::text[]) = 0
                OR r.dag_key = ANY (ARRAY(SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = ANY ($6))))
              AND ($7::timestamptz IS NULL OR r.started_at >= $7) AND ($8::timestamptz IS NULL OR r.started_at <= $8)
              AND ($9::timestamptz IS NULL OR r.ended_at >= $9) AND ($10::timestamptz IS NULL OR r.ended_at <= $10)
              AND ($11::timestamptz IS NULL OR coalesce(r.ended_at, r.started_at, r.queued_at) >= $11)
              AND ($12::timestamptz IS NULL OR coalesce(r.ended_at, r.started_at, r.queued_at) <= $12)
              AND (cardinality($13::text[]) = 0 OR r.run_type = ANY ($13))
            ORDER BY "# + $order + r#" LIMIT $14 OFFSET $15) r
            JOIN dags d USING (tenant_id, dag_key) JOIN dag_versions v USING (dag_version_id)
            ORDER BY "# + $order,
            $tenant,
            $filter.dag_id.as_ref().map(DagId::as_str),
            $states,
            $filter.logical_date_from,
            $filter.logical_date_to,
            $dags,
            $filter.started.0,
            $filter.started.1,
            $filter.ended.0,
            $filter.ended.1,
            $filter.updated.0,
            $filter.updated.1,
            $types,
            $page.limit(),
            $page.offset()
            $(, $more)*
        )
    };
}

/// The tenant's runs that pass the filter.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, filter: &RunFilter, order: RunOrder, page: Page) -> Result<Listed<Run>, StoreError> {
    let tenant = tx.tenant();
    let states: Vec<String> = filter.states.iter().map(ToString::to_string).collect();
    let dags: Vec<String> = filter.dag_ids.iter().map(ToString::to_string).collect();
    let types: Vec<String> = filter.types.iter().map(|kind| kind.as_str().to_owned()).collect();
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (SELECT FROM dag_runs r
        WHERE r.tenant_id = $1 AND ($2::text IS NULL OR r.dag_key = (SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = $2))
          AND (cardinality($3::text[]) = 0 OR r.state = ANY ($3))
          AND ($4::timestamptz IS NULL OR r.logical_date >= $4) AND ($5::timestamptz IS NULL OR r.logical_date <= $5)
          AND (cardinality($6::text[]) = 0
            OR r.dag_key = ANY (ARRAY(SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = ANY ($6))))
          AND ($7::timestamptz IS NULL OR r.started_at >= $7) AND ($8::timestamptz IS NULL OR r.started_at <= $8)
          AND ($9::timestamptz IS NULL OR r.ended_at >= $9) AND ($10::timestamptz IS NULL OR r.ended_at <= $10)
          AND ($11::timestamptz IS NULL OR coalesce(r.ended_at, r.started_at, r.queued_at) >= $11)
          AND ($12::timestamptz IS NULL OR coalesce(r.ended_at, r.started_at, r.queued_at) <= $12)
          AND (cardinality($13::text[]) = 0 OR r.run_type = ANY ($13))
        LIMIT $14) AS counted
        "#,
        tenant,
        filter.dag_id.as_ref().map(DagId::as_str),
        &states,
        filter.logical_date_from,
        filter.logical_date_to,
        &dags,
        filter.started.0,
        filter.started.1,
        filter.ended.0,
        filter.ended.1,
        filter.updated.0,
        filter.updated.1,
        &types,
        page.counted()
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = match order {
        RunOrder::LatestLogicalDate => {
            ordered!("r.logical_date DESC, r.run_key DESC", tenant, filter, &states, &dags, &types, page)
                .fetch_all(tx.conn())
                .await?
        }
        RunOrder::EarliestLogicalDate => {
            ordered!("r.logical_date, r.run_key", tenant, filter, &states, &dags, &types, page).fetch_all(tx.conn()).await?
        }
        RunOrder::LastQueued => {
            ordered!("r.queued_at DESC, r.run_key DESC", tenant, filter, &states, &dags, &types, page)
                .fetch_all(tx.conn())
                .await?
        }
        RunOrder::FirstQueued => {
            ordered!("r.queued_at, r.run_key", tenant, filter, &states, &dags, &types, page).fetch_all(tx.conn()).await?
        }
        RunOrder::LastStarted => {
            ordered!("r.started_at DESC NULLS LAST, r.run_key DESC", tenant, filter, &states, &dags, &types, page)
                .fetch_all(tx.conn())
                .await?
        }
        RunOrder::FirstStarted => {
            ordered!("r.started_at, r.run_key", tenant, filter, &states, &dags, &types, page).fetch_all(tx.conn()).await?
        }
        RunOrder::LastEnded => {
            ordered!("r.ended_at DESC NULLS LAST, r.run_key DESC", tenant, filter, &states, &dags, &types, page)
                .fetch_all(tx.conn())
                .await?
        }
        RunOrder::FirstEnded => {
            ordered!("r.ended_at, r.run_key", tenant, filter, &states, &dags, &types, page).fetch_all(tx.conn()).await?
        }
        RunOrder::Name => {
            ordered!("r.dag_run_id, r.run_key", tenant, filter, &states, &dags, &types, page).fetch_all(tx.conn()).await?
        }
        RunOrder::NameBackwards => {
            ordered!("r.dag_run_id DESC, r.run_key DESC", tenant, filter, &states, &dags, &types, page)
                .fetch_all(tx.conn())
                .await?
        }
        RunOrder::Other(Order { field, backwards }) => {
            ordered!(
                r#"
            CASE WHEN NOT $17 THEN CASE $16 WHEN 'state' THEN r.state WHEN 'by_hand' THEN (r.run_type = 'manual')::int::text
                WHEN 'dag' THEN (SELECT named.dag_id FROM dags named WHERE named.dag_key = r.dag_key) END END,
            CASE WHEN $17 THEN CASE $16 WHEN 'state' THEN r.state WHEN 'by_hand' THEN (r.run_type = 'manual')::int::text
                WHEN 'dag' THEN (SELECT named.dag_id FROM dags named WHERE named.dag_key = r.dag_key) END END DESC,
            CASE WHEN $16 = 'changed' AND NOT $17 THEN coalesce(r.ended_at, r.started_at, r.queued_at) END,
            CASE WHEN $16 = 'changed' AND $17 THEN coalesce(r.ended_at, r.started_at, r.queued_at) END DESC,
            r.logical_date, r.run_key
            "#,
                tenant,
                filter,
                &states,
                &dags,
                &types,
                page,
                field.as_str(),
                backwards
            )
            .fetch_all(tx.conn())
            .await?
        }
    };
    let items = rows.into_iter().map(Run::try_from).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// One run by name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, dag_id: &DagId, dag_run_id: &DagRunId) -> Result<Run, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT r.run_key, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, v.version_number, r.run_type, r.state, r.reason,
            r.logical_date, r.data_interval_start, r.data_interval_end, r.conf, r.note, r.unfinished, r.cancel_requested_at,
            r.queued_at, r.started_at, r.ended_at
        FROM dag_runs r JOIN dags d USING (tenant_id, dag_key) JOIN dag_versions v USING (dag_version_id)
        WHERE r.tenant_id = $1 AND d.dag_id = $2 AND r.dag_run_id = $3
        "#,
        tenant,
        dag_id.as_str(),
        dag_run_id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("dag run", dag_run_id))?
    .try_into()
}

/// Runs by key; those that are not there are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn get_many(tx: &mut Tx<'_>, runs: &[RunKey]) -> Result<Vec<Run>, StoreError> {
    let tenant = tx.tenant();
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    sqlx::query_as!(
        Row,
        r#"
        SELECT r.run_key, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, v.version_number, r.run_type, r.state, r.reason,
            r.logical_date, r.data_interval_start, r.data_interval_end, r.conf, r.note, r.unfinished, r.cancel_requested_at,
            r.queued_at, r.started_at, r.ended_at
        FROM dag_runs r JOIN dags d USING (tenant_id, dag_key) JOIN dag_versions v USING (dag_version_id)
        WHERE r.tenant_id = $1 AND r.run_key = ANY ($2)
        "#,
        tenant,
        &keys
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(Run::try_from)
    .collect()
}

/// One run by key.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get_by_key(tx: &mut Tx<'_>, run: RunKey) -> Result<Run, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"
        SELECT r.run_key, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, v.version_number, r.run_type, r.state, r.reason,
            r.logical_date, r.data_interval_start, r.data_interval_end, r.conf, r.note, r.unfinished, r.cancel_requested_at,
            r.queued_at, r.started_at, r.ended_at
        FROM dag_runs r JOIN dags d USING (tenant_id, dag_key) JOIN dag_versions v USING (dag_version_id)
        WHERE r.tenant_id = $1 AND r.run_key = $2
        "#,
        tenant,
        run.uuid()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("dag run", run))?
    .try_into()
}

/// The dag and the name of the run that a task instance made last, if it made one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn made_by(tx: &mut Tx<'_>, instance: TaskInstanceId) -> Result<Option<(DagId, DagRunId)>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        SELECT r.run_key, d.dag_id, r.dag_run_id FROM dag_runs r JOIN dags d USING (tenant_id, dag_key)
        WHERE r.tenant_id = $1 AND r.parent_instance_id = $2 ORDER BY r.parent_try DESC LIMIT 1
        "#,
        tenant,
        instance.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let origin = row_of("dag_runs", row.run_key);
        Ok((origin.name("dag_id", &row.dag_id)?, origin.name("dag_run_id", &row.dag_run_id)?))
    })
    .transpose()
}

/// How many runs of a dag for the days (in UTC) from `from` to before `to` are in each state. By day and state.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_by_day(
    tx: &mut Tx<'_>,
    dag: DagKey,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(NaiveDate, RunStateName, u64)>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        SELECT (r.logical_date AT TIME ZONE 'UTC')::date AS "day!", r.state, count(*) AS "count!"
        FROM dag_runs r
        WHERE r.tenant_id = $1 AND r.dag_key = $2 AND r.logical_date >= $3 AND r.logical_date < $4
        GROUP BY 1, 2 ORDER BY 1, 2
        "#,
        tenant,
        dag.uuid(),
        from,
        to
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let state = RunStateName::parse(&row.state).ok_or_else(|| StoreError::corrupt("dag_runs", "state", dag))?;
        Ok((row.day, state, row.count.cast_unsigned()))
    })
    .collect()
}

/// How many runs of dags are in each state: of these dags, or of all when none is named. By name of dag and state.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_by_state(tx: &mut Tx<'_>, dags: &[DagId]) -> Result<Vec<(DagId, Option<RunStateName>, u64)>, StoreError> {
    let tenant = tx.tenant();
    let dags: Vec<String> = dags.iter().map(ToString::to_string).collect();
    sqlx::query!(
        r#"
        -- Counted before anything is joined: from the index alone.
        SELECT d.dag_id, r.state AS "state?", coalesce(r.runs, 0) AS "count!"
        FROM dags d LEFT JOIN (
            SELECT dag_key, state, count(*) AS runs FROM dag_runs
            WHERE tenant_id = $1 AND (cardinality($2::text[]) = 0
                OR dag_key = ANY (ARRAY(SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = ANY ($2))))
            GROUP BY dag_key, state) r USING (dag_key)
        WHERE d.tenant_id = $1 AND (cardinality($2::text[]) = 0 OR d.dag_id = ANY ($2))
        ORDER BY d.dag_id, r.state
        "#,
        tenant,
        &dags
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("dags", row.dag_id.as_str());
        let state = row.state.as_deref().map(|state| origin.known("state", RunStateName::parse(state))).transpose()?;
        Ok((origin.name("dag_id", &row.dag_id)?, state, row.count.cast_unsigned()))
    })
    .collect()
}
