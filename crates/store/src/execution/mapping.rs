//! Instances of mapped tasks.
//!
//! A mapped task starts out as one row with the `map_index` -1. When its list is known, that row becomes the one of index 0,
//! and the others are made like it, all at once. Every function here needs the run to be locked.

use super::facts::{XComAddress, XComValue};
use super::transition::LockedInstance;
use crate::{StoreError, Tx};
use cofferdam_domain::task::{TaskState, TaskStateName};
use cofferdam_ids::{LeaseToken, RunKey, TaskId, TaskInstanceId, XComKey};
use std::collections::HashMap;
use uuid::Uuid;

/// Gives the first instance of a mapped task, which must be queued, another `map_index`, and makes instances like it of the
/// indexes in `new`, in state `none`. Its run has so many unfinished instances more. Returns all of them, the first one first.
///
/// # Errors
/// [`StoreError::Conflict`] when the first instance is not as it was locked.
pub async fn extend(
    tx: &mut Tx<'_>,
    first: LockedInstance,
    map_index: i32,
    new: std::ops::Range<i32>,
) -> Result<Vec<LockedInstance>, StoreError> {
    let made: Vec<LockedInstance> = new
        .map(|map_index| LockedInstance {
            instance: TaskInstanceId::generate(),
            map_index,
            state: TaskState::None { try_number: 0, last_lease: LeaseToken(0) },
            tries_before: 0,
            queued_at: None,
            started_at: None,
            attend_at: None,
            ..first.clone()
        })
        .collect();
    let ids: Vec<Uuid> = made.iter().map(|new| new.instance.uuid()).collect();
    let indexes: Vec<i32> = made.iter().map(|new| new.map_index).collect();
    let more = i32::try_from(made.len()).unwrap_or(i32::MAX);
    let unfinished = sqlx::query_scalar!(
        r#"
        WITH first AS (
            UPDATE task_instances SET map_index = $3
            WHERE instance_id = $1 AND map_index = $2 AND state = 'queued' AND try_number = $4
            RETURNING tenant_id, run_key, task_index, task_id, is_leaf, upstream_total, upstream_success, upstream_failed,
                upstream_upstream_failed, upstream_skipped
        ), made AS (
            INSERT INTO task_instances (instance_id, tenant_id, run_key, task_index, map_index, task_id, state, is_leaf, upstream_total,
                upstream_success, upstream_failed, upstream_upstream_failed, upstream_skipped)
            SELECT n.instance_id, first.tenant_id, first.run_key, first.task_index, n.map_index, first.task_id, 'none', first.is_leaf,
                first.upstream_total, first.upstream_success, first.upstream_failed, first.upstream_upstream_failed,
                first.upstream_skipped
            FROM first CROSS JOIN unnest($5::uuid[], $6::int[]) AS n (instance_id, map_index)
        )
        UPDATE dag_runs r SET unfinished = r.unfinished + $7 FROM first WHERE r.run_key = first.run_key RETURNING r.unfinished
        "#,
        first.instance.uuid(),
        first.map_index,
        map_index,
        first.state.try_number().cast_signed(),
        &ids,
        &indexes,
        more,
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::conflict(format!("the task instance {} changed meanwhile", first.instance)))?;
    let all = std::iter::once(LockedInstance { map_index, ..first }).chain(made);
    Ok(all.map(|instance| LockedInstance { run_unfinished: unfinished, ..instance }).collect())
}

/// How the instances of a mapped task compare with a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many there are, removed ones included.
    pub count: i32,
    /// Unfinished ones beyond the end of the list.
    pub excess: Vec<TaskInstanceId>,
    /// Removed ones that the list reaches to.
    pub removed: Vec<TaskInstanceId>,
}

/// Compares the instances of a mapped task with a list of this length.
///
/// # Errors
/// When the database cannot be reached.
pub async fn compare(tx: &mut Tx<'_>, run: RunKey, task_index: i32, len: i32) -> Result<Compared, StoreError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*)::int AS "count!" FROM task_instances WHERE run_key = $1 AND task_index = $2 AND map_index >= 0"#,
        run.uuid(),
        task_index,
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = sqlx::query!(
        r#"
        SELECT instance_id, state = 'removed' AS "removed!" FROM task_instances
        WHERE run_key = $1 AND task_index = $2
          AND (map_index >= $3 AND ended_at IS NULL OR map_index BETWEEN 0 AND $3 - 1 AND state = 'removed')
        "#,
        run.uuid(),
        task_index,
        len,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut compared = Compared { count, ..Compared::default() };
    for row in rows {
        let into = if row.removed { &mut compared.removed } else { &mut compared.excess };
        into.push(TaskInstanceId::from_uuid(row.instance_id));
    }
    Ok(compared)
}

/// The states of tasks that are not mapped, or not yet.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn unmapped_states(tx: &mut Tx<'_>, run: RunKey, task_indexes: &[i32]) -> Result<Vec<TaskStateName>, StoreError> {
    let states = sqlx::query_scalar!(
        "SELECT state FROM task_instances WHERE run_key = $1 AND task_index = ANY($2) AND map_index = -1",
        run.uuid(),
        task_indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    states
        .iter()
        .map(|state| TaskStateName::parse(state).ok_or_else(|| StoreError::corrupt("task_instances", "state", run)))
        .collect()
}

/// What the instances of mapped tasks left, with how many bytes that is, in order of their index. Only of those that succeeded:
/// what others left in an earlier try or before they were removed is no result.
///
/// # Errors
/// When the database cannot be reached.
pub async fn xcoms(
    tx: &mut Tx<'_>,
    wanted: &[(XComAddress, i32)],
) -> Result<HashMap<XComAddress, (u64, Vec<XComValue>)>, StoreError> {
    let runs: Vec<Uuid> = wanted.iter().map(|((run, _, _), _)| run.uuid()).collect();
    let tasks: Vec<String> = wanted.iter().map(|((_, task, _), _)| task.to_string()).collect();
    let keys: Vec<String> = wanted.iter().map(|((_, _, key), _)| key.to_string()).collect();
    let indexes: Vec<i32> = wanted.iter().map(|(_, task_index)| *task_index).collect();
    let rows = sqlx::query!(
        r#"
        SELECT x.run_key, x.task_id, x.key, x.value, x.object, x.size_bytes
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS w (run_key, task_id, key, task_index)
        JOIN task_instances ti ON ti.run_key = w.run_key AND ti.task_index = w.task_index
        JOIN xcoms x ON x.run_key = w.run_key AND x.task_id = w.task_id AND x.map_index = ti.map_index AND x.key = w.key
        WHERE ti.map_index >= 0 AND ti.state = 'success'
        ORDER BY x.map_index
        "#,
        &runs,
        &tasks,
        &keys,
        &indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut found: HashMap<XComAddress, (u64, Vec<XComValue>)> = HashMap::new();
    for row in rows {
        let corrupt = |column| StoreError::corrupt("xcoms", column, row.run_key);
        let task = TaskId::new(&row.task_id).map_err(|_| corrupt("task_id"))?;
        let key = XComKey::new(&row.key).map_err(|_| corrupt("key"))?;
        let value = row.value.map(XComValue::Inline).or_else(|| row.object.map(XComValue::Object));
        let (bytes, values) = found.entry((RunKey::from_uuid(row.run_key), task, key)).or_default();
        *bytes += u64::try_from(row.size_bytes).map_err(|_| corrupt("size_bytes"))?;
        values.push(value.ok_or_else(|| corrupt("value"))?);
    }
    Ok(found)
}
