//! Reading dag runs. What changes them is in [`crate::execution`].

use crate::read::row_of;
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId, RunKey};
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
    /// Only runs for this moment or later.
    pub logical_date_from: Option<DateTime<Utc>>,
    /// Only runs for this moment or earlier.
    pub logical_date_to: Option<DateTime<Utc>>,
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
    ($order:literal, $tenant:expr, $filter:expr, $states:expr, $page:expr) => {
        sqlx::query_as!(
            Row,
            r#"
            SELECT r.run_key, r.dag_key, d.dag_id, r.dag_run_id, r.dag_version_id, v.version_number, r.run_type, r.state, r.reason,
                r.logical_date, r.data_interval_start, r.data_interval_end, r.conf, r.note, r.unfinished, r.cancel_requested_at,
                r.queued_at, r.started_at, r.ended_at
            FROM dag_runs r JOIN dags d USING (tenant_id, dag_key) JOIN dag_versions v USING (dag_version_id)
            WHERE r.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2)
              AND (cardinality($3::text[]) = 0 OR r.state = ANY ($3))
              AND ($4::timestamptz IS NULL OR r.logical_date >= $4) AND ($5::timestamptz IS NULL OR r.logical_date <= $5)
            ORDER BY "# + $order + " LIMIT $6 OFFSET $7",
            $tenant,
            $filter.dag_id.as_ref().map(DagId::as_str),
            $states,
            $filter.logical_date_from,
            $filter.logical_date_to,
            $page.limit(),
            $page.offset()
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
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM dag_runs r JOIN dags d USING (tenant_id, dag_key)
        WHERE r.tenant_id = $1 AND ($2::text IS NULL OR d.dag_id = $2)
          AND (cardinality($3::text[]) = 0 OR r.state = ANY ($3))
          AND ($4::timestamptz IS NULL OR r.logical_date >= $4) AND ($5::timestamptz IS NULL OR r.logical_date <= $5)
        "#,
        tenant,
        filter.dag_id.as_ref().map(DagId::as_str),
        &states,
        filter.logical_date_from,
        filter.logical_date_to
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = match order {
        RunOrder::LatestLogicalDate => {
            ordered!("r.logical_date DESC, r.run_key DESC", tenant, filter, &states, page).fetch_all(tx.conn()).await?
        }
        RunOrder::EarliestLogicalDate => {
            ordered!("r.logical_date, r.run_key", tenant, filter, &states, page).fetch_all(tx.conn()).await?
        }
        RunOrder::LastQueued => {
            ordered!("r.queued_at DESC, r.run_key DESC", tenant, filter, &states, page).fetch_all(tx.conn()).await?
        }
        RunOrder::FirstQueued => ordered!("r.queued_at, r.run_key", tenant, filter, &states, page).fetch_all(tx.conn()).await?,
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
