//! Lists of task instances across runs.

use super::{Row, TaskInstance, add_last_tries, add_names};
use crate::{Listed, Order, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, TaskId};
use uuid::Uuid;

/// Which task instances a list across runs is about. What is empty or nothing does not bound it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceFilter {
    /// Of these dags.
    pub dags: Vec<DagId>,
    /// Of runs of these names.
    pub runs: Vec<DagRunId>,
    /// Of these tasks.
    pub tasks: Vec<TaskId>,
    /// In one of these states.
    pub states: Vec<TaskStateName>,
    /// In one of these pools.
    pub pools: Vec<String>,
    /// In one of these queues.
    pub queues: Vec<String>,
    /// Only instances of mapped tasks.
    pub mapped: bool,
    /// Of runs for moments in this time.
    pub logical_date: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Started in this time.
    pub started: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Ended in this time.
    pub ended: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Ended, started or queued last in this time.
    pub updated: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Took so many seconds.
    pub duration_s: (Option<f64>, Option<f64>),
    /// Their order, and behind it that of their positions in mapped tasks; without it by run, the latest first, then in the order of the
    /// tasks.
    pub order: Option<Order<InstanceField>>,
}

/// By what a list of task instances is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceField {
    /// The position in a mapped task.
    MapIndex,
    /// The state.
    State,
    /// How long it took.
    Duration,
    /// When it started.
    Started,
    /// When it ended.
    Ended,
}

impl InstanceField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::MapIndex => "map_index",
            Self::State => "state",
            Self::Duration => "duration",
            Self::Started => "started",
            Self::Ended => "ended",
        }
    }
}

impl InstanceFilter {
    /// Whether it asks for anything that only the run or its dag tells.
    fn asks_for_runs(&self) -> bool {
        !(self.dags.is_empty() && self.runs.is_empty() && self.pools.is_empty() && self.queues.is_empty())
            || self.logical_date != (None, None)
    }

    /// Whether it asks for states only whose instances somebody looks after: `attend_at` is set in these.
    fn asks_for_attended(&self) -> bool {
        use TaskStateName::{Deferred, Queued, Restarting, Running, Scheduled, UpForReschedule, UpForRetry};
        let attended = |state: &TaskStateName| {
            matches!(state, Scheduled | Queued | Running | UpForRetry | UpForReschedule | Deferred | Restarting)
        };
        !self.states.is_empty() && self.states.iter().all(attended)
    }
}

/// A query over the filter of a list, which stands in its text so that PostgreSQL sees what is asked for.
macro_rules! searched {
    ($macro:ident, $before:literal, $after:literal, $tenant:expr, $names:expr, $filter:expr, $limit:expr $(, $more:expr)*) => {
        sqlx::$macro!(
            $before
                + r#"
        FROM task_instances ti JOIN dag_runs r USING (tenant_id, run_key) JOIN dags d USING (tenant_id, dag_key)
            JOIN dag_versions v USING (dag_version_id)
        WHERE ti.tenant_id = $1 AND NOT ti.is_callback AND (cardinality($2::text[]) = 0 OR d.dag_id = ANY ($2))
          AND (cardinality($3::text[]) = 0 OR r.dag_run_id = ANY ($3)) AND (cardinality($4::text[]) = 0 OR ti.task_id = ANY ($4))
          AND (cardinality($5::text[]) = 0 OR ti.state = ANY ($5))
          -- The plan is only looked into when a pool or a queue is asked for.
          AND CASE WHEN cardinality($6::text[]) = 0 THEN true
              ELSE v.plan -> 'tasks' -> ti.task_index ->> 'pool' = ANY ($6) END
          AND CASE WHEN cardinality($7::text[]) = 0 THEN true
              ELSE v.plan -> 'tasks' -> ti.task_index ->> 'queue' = ANY ($7) END
          AND (NOT $8 OR ti.map_index >= 0)
          AND ($9::timestamptz IS NULL OR r.logical_date >= $9) AND ($10::timestamptz IS NULL OR r.logical_date <= $10)
          AND ($11::timestamptz IS NULL OR ti.started_at >= $11) AND ($12::timestamptz IS NULL OR ti.started_at <= $12)
          AND ($13::timestamptz IS NULL OR ti.ended_at >= $13) AND ($14::timestamptz IS NULL OR ti.ended_at <= $14)
          AND ($15::timestamptz IS NULL OR coalesce(ti.ended_at, ti.started_at, ti.queued_at) >= $15)
          AND ($16::timestamptz IS NULL OR coalesce(ti.ended_at, ti.started_at, ti.queued_at) <= $16)
          AND ($17::float8 IS NULL OR extract(epoch FROM ti.ended_at - ti.started_at) >= $17)
          AND ($18::float8 IS NULL OR extract(epoch FROM ti.ended_at - ti.started_at) <= $18)
          AND (NOT $19 OR ti.attend_at IS NOT NULL)
        "#
                + $after,
            $tenant,
            $names.dags,
            $names.runs,
            $names.tasks,
            $names.states,
            &$filter.pools,
            &$filter.queues,
            $filter.mapped,
            $filter.logical_date.0,
            $filter.logical_date.1,
            $filter.started.0,
            $filter.started.1,
            $filter.ended.0,
            $filter.ended.1,
            $filter.updated.0,
            $filter.updated.1,
            $filter.duration_s.0,
            $filter.duration_s.1,
            $filter.asks_for_attended(),
            $limit
            $(, $more)*
        )
    };
}

/// The words of a filter, as the database has them.
struct Names<'a> {
    dags: &'a [String],
    runs: &'a [String],
    tasks: &'a [String],
    states: &'a [String],
}

/// How many instances pass the filter, as far as they are counted.
async fn count(tx: &mut Tx<'_>, filter: &InstanceFilter, names: &Names<'_>, page: Page) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    if filter.asks_for_runs() {
        return Ok(searched!(
            query_scalar,
            r#"SELECT count(*) AS "count!" FROM (SELECT"#,
            "LIMIT $20) AS counted",
            tenant,
            names,
            filter,
            page.counted()
        )
        .fetch_one(tx.conn())
        .await?);
    }
    Ok(sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM task_instances ti
            WHERE ti.tenant_id = $1 AND NOT ti.is_callback AND (cardinality($2::text[]) = 0 OR ti.task_id = ANY ($2))
              AND (cardinality($3::text[]) = 0 OR ti.state = ANY ($3)) AND (NOT $4 OR ti.map_index >= 0)
              AND ($5::timestamptz IS NULL OR ti.started_at >= $5) AND ($6::timestamptz IS NULL OR ti.started_at <= $6)
              AND ($7::timestamptz IS NULL OR ti.ended_at >= $7) AND ($8::timestamptz IS NULL OR ti.ended_at <= $8)
              AND ($9::timestamptz IS NULL OR coalesce(ti.ended_at, ti.started_at, ti.queued_at) >= $9)
              AND ($10::timestamptz IS NULL OR coalesce(ti.ended_at, ti.started_at, ti.queued_at) <= $10)
              AND ($11::float8 IS NULL OR extract(epoch FROM ti.ended_at - ti.started_at) >= $11)
              AND ($12::float8 IS NULL OR extract(epoch FROM ti.ended_at - ti.started_at) <= $12)
              AND (NOT $13 OR ti.attend_at IS NOT NULL)
            LIMIT $14) AS counted
        "#,
        tenant,
        names.tasks,
        names.states,
        filter.mapped,
        filter.started.0,
        filter.started.1,
        filter.ended.0,
        filter.ended.1,
        filter.updated.0,
        filter.updated.1,
        filter.duration_s.0,
        filter.duration_s.1,
        filter.asks_for_attended(),
        page.counted()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// The tenant's task instances that pass the filter, each with its last try.
///
/// # Errors
/// When the database cannot be reached.
pub async fn search(tx: &mut Tx<'_>, filter: &InstanceFilter, page: Page) -> Result<Listed<TaskInstance>, StoreError> {
    let tenant = tx.tenant();
    let dags: Vec<String> = filter.dags.iter().map(ToString::to_string).collect();
    let runs: Vec<String> = filter.runs.iter().map(ToString::to_string).collect();
    let tasks: Vec<String> = filter.tasks.iter().map(ToString::to_string).collect();
    let states: Vec<String> = filter.states.iter().map(ToString::to_string).collect();
    let names = Names { dags: &dags, runs: &runs, tasks: &tasks, states: &states };
    let total = count(tx, filter, &names, page).await?;
    let ids: Vec<Uuid> = match filter.order {
        None => {
            searched!(
                query_scalar,
                "SELECT ti.instance_id",
                "ORDER BY r.logical_date DESC, r.run_key DESC, ti.task_index, ti.map_index LIMIT $20 OFFSET $21",
                tenant,
                names,
                filter,
                page.limit(),
                page.offset()
            )
            .fetch_all(tx.conn())
            .await?
        }
        Some(order) => {
            searched!(
                query_scalar,
                "SELECT ti.instance_id",
                r#"
        ORDER BY CASE WHEN $22 = 'state' AND NOT $23 THEN ti.state END, CASE WHEN $22 = 'state' AND $23 THEN ti.state END DESC,
            CASE WHEN NOT $23 THEN CASE $22 WHEN 'duration' THEN extract(epoch FROM ti.ended_at - ti.started_at)
                WHEN 'started' THEN extract(epoch FROM ti.started_at) WHEN 'ended' THEN extract(epoch FROM ti.ended_at)
                WHEN 'map_index' THEN ti.map_index END END,
            CASE WHEN $23 THEN CASE $22 WHEN 'duration' THEN extract(epoch FROM ti.ended_at - ti.started_at)
                WHEN 'started' THEN extract(epoch FROM ti.started_at) WHEN 'ended' THEN extract(epoch FROM ti.ended_at)
                WHEN 'map_index' THEN ti.map_index END END DESC NULLS LAST,
            ti.map_index, r.logical_date DESC, r.run_key DESC, ti.task_index
        LIMIT $20 OFFSET $21
                "#,
                tenant,
                names,
                filter,
                page.limit(),
                page.offset(),
                order.field.as_str(),
                order.backwards
            )
            .fetch_all(tx.conn())
            .await?
        }
    };
    let mut instances = sqlx::query_as!(
        Row,
        r#"
        SELECT instance_id, run_key, task_index, map_index, task_id, state, reason, try_number, tries_before, worker_id,
            deferred_event, cancel_requested_at, queued_at, started_at, ended_at, due_at, note
        FROM task_instances WHERE tenant_id = $1 AND instance_id = ANY ($2) ORDER BY array_position($2, instance_id)
        "#,
        tenant,
        &ids
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(TaskInstance::try_from)
    .collect::<Result<Vec<_>, _>>()?;
    add_last_tries(tx, &mut instances).await?;
    add_names(tx, &mut instances).await?;
    Ok(Listed { items: instances, total: total.cast_unsigned() })
}
