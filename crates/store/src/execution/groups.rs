//! Instances of the tasks of mapped groups.
//!
//! Each task of such a group starts out as one row with the `map_index` -1. When the group's list is known, the rows of all of them become
//! those of index 0, and the others are made like them, all at once. Every function here needs the run to be locked.

use super::columns::{self, Row};
use super::transition::{Counted, LockedInstance, by_run};
use crate::read::row_of;
use crate::{StoreError, Tx};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::task::TaskStateName;
use cofferdam_domain::trigger_rule::UpstreamCounts;
use cofferdam_ids::{RunKey, TaskInstanceId};
use uuid::Uuid;

/// An instance of a task of a mapped group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id.
    pub instance: TaskInstanceId,
    /// Position of its task in the version.
    pub task_index: i32,
    /// Position in the group's list, or -1.
    pub map_index: i32,
    /// Its state.
    pub state: TaskStateName,
    /// Why it is as it is, where the state alone does not say.
    pub reason: Option<Reason>,
}

/// All instances of these tasks, in order of task and index.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn members(tx: &mut Tx<'_>, run: RunKey, tasks: &[i32]) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT instance_id, task_index, map_index, state, reason FROM task_instances
        WHERE run_key = $1 AND task_index = ANY ($2) ORDER BY task_index, map_index
        "#,
        run.uuid(),
        tasks,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = row_of("task_instances", row.instance_id);
            Ok(Member {
                instance: TaskInstanceId::from_uuid(row.instance_id),
                task_index: row.task_index,
                map_index: row.map_index,
                state: origin.known("state", TaskStateName::parse(&row.state))?,
                reason: origin.known_if_set("reason", row.reason.as_deref(), Reason::parse)?,
            })
        })
        .collect()
}

/// An instance to be made, in state `none`.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Its id, made by the caller.
    pub instance: TaskInstanceId,
    /// The first instance of its task, which it is made like.
    pub first: TaskInstanceId,
    /// Its position in the group's list.
    pub map_index: i32,
    /// What it has of the instances that it waits for.
    pub upstream: UpstreamCounts,
}

/// Gives the first instances of the tasks of a group the index 0, and makes others. The run has so many unfinished instances more; how many
/// it has then is returned.
///
/// # Errors
/// [`StoreError::Conflict`] when the instances are not as they were locked.
pub async fn extend(tx: &mut Tx<'_>, run: RunKey, firsts: &[TaskInstanceId], new: &[NewMember]) -> Result<i32, StoreError> {
    let first_ids: Vec<Uuid> = firsts.iter().map(|first| first.uuid()).collect();
    sqlx::query!(
        "UPDATE task_instances SET map_index = 0 WHERE run_key = $1 AND instance_id = ANY ($2) AND map_index = -1",
        run.uuid(),
        &first_ids,
    )
    .execute(tx.conn())
    .await?;
    let ids: Vec<Uuid> = new.iter().map(|new| new.instance.uuid()).collect();
    let like: Vec<Uuid> = new.iter().map(|new| new.first.uuid()).collect();
    let indexes: Vec<i32> = new.iter().map(|new| new.map_index).collect();
    let [totals, successes, failures, upstream_failures, skips] = columns::counts(new.iter().map(|new| &new.upstream));
    let made = sqlx::query!(
        r#"
        INSERT INTO task_instances (instance_id, tenant_id, run_key, task_index, map_index, task_id, state, is_leaf, upstream_total,
            upstream_success, upstream_failed, upstream_upstream_failed, upstream_skipped)
        SELECT n.instance_id, f.tenant_id, f.run_key, f.task_index, n.map_index, f.task_id, 'none', f.is_leaf, n.total, n.success, n.failed,
            n.upstream_failed, n.skipped
        FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[])
            AS n (instance_id, first, map_index, total, success, failed, upstream_failed, skipped)
        JOIN task_instances f ON f.instance_id = n.first AND f.run_key = $1 AND f.map_index = 0
        "#,
        run.uuid(),
        &ids,
        &like,
        &indexes,
        &totals,
        &successes,
        &failures,
        &upstream_failures,
        &skips,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    if made != new.len() as u64 {
        return Err(StoreError::conflict("the tasks of a mapped group changed meanwhile"));
    }
    let unfinished = sqlx::query_scalar!(
        "UPDATE dag_runs SET unfinished = unfinished + $2 WHERE run_key = $1 RETURNING unfinished",
        run.uuid(),
        i32::try_from(new.len()).unwrap_or(i32::MAX),
    )
    .fetch_optional(tx.conn())
    .await?;
    unfinished.ok_or_else(|| StoreError::not_found("dag run", run))
}

/// What [`transition::count`](super::transition::count) does, for single instances: each of `counted` has its `map_index`.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn count_by_index(tx: &mut Tx<'_>, counted: &[Counted]) -> Result<Vec<LockedInstance>, StoreError> {
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    let runs: Vec<Uuid> = counted.iter().map(|counted| counted.run.uuid()).collect();
    let tasks: Vec<i32> = counted.iter().map(|counted| counted.task_index).collect();
    let map_indexes: Vec<i32> = counted.iter().map(|counted| counted.map_index.unwrap_or(-1)).collect();
    let [totals, successes, failures, upstream_failures, skips] = columns::counts(counted.iter().map(|counted| &counted.add));
    let rows = sqlx::query_as!(
        Row,
        r#"
        UPDATE task_instances ti
        SET upstream_total = ti.upstream_total + n.total, upstream_success = ti.upstream_success + n.success,
            upstream_failed = ti.upstream_failed + n.failed,
            upstream_upstream_failed = ti.upstream_upstream_failed + n.upstream_failed, upstream_skipped = ti.upstream_skipped + n.skipped
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[])
                AS n (run_key, task_index, map_index, total, success, failed, upstream_failed, skipped),
            dag_runs r
        WHERE ti.run_key = n.run_key AND ti.task_index = n.task_index AND ti.map_index = n.map_index AND r.run_key = n.run_key
        RETURNING ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        "#,
        &runs,
        &tasks,
        &map_indexes,
        &totals,
        &successes,
        &failures,
        &upstream_failures,
        &skips,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().filter(|row| row.state == TaskStateName::None.as_str()).map(LockedInstance::try_from).collect()
}

/// Those of these tasks of locked runs that have an unfinished instance.
///
/// # Errors
/// When the database cannot be reached.
pub async fn unfinished_tasks(tx: &mut Tx<'_>, tasks: &[(RunKey, i32)]) -> Result<Vec<(RunKey, i32)>, StoreError> {
    let (runs, indexes) = by_run(tasks);
    let rows = sqlx::query!(
        r#"
        SELECT n.run_key AS "run_key!", n.task_index AS "task_index!" FROM unnest($1::uuid[], $2::int[]) AS n (run_key, task_index)
        WHERE EXISTS (SELECT FROM task_instances ti
            WHERE ti.run_key = n.run_key AND ti.task_index = n.task_index AND ti.ended_at IS NULL)
        "#,
        &runs,
        &indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (RunKey::from_uuid(row.run_key), row.task_index)).collect())
}
