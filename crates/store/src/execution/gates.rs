//! What holds task instances back that may run otherwise: room of dags, tasks and keys, and earlier runs.
//!
//! A gate has a name (`domain::plan::Gate`). Instances that have passed it and not ended count against its limit; how many they are is
//! always counted, never kept. Whoever counts holds the lock of the name until the transaction ends, so two cannot give the same room
//! away. Locks are taken in order of the names, after those of runs and instances.

use super::columns::Row;
use super::transition::LockedInstance;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::plan::Gates;
use cofferdam_ids::{DagKey, TaskInstanceId};
use std::collections::HashMap;
use uuid::Uuid;

/// An instance that waits, and what it waits for.
#[derive(Clone, Debug)]
pub struct Held {
    /// The instance.
    pub instance: TaskInstanceId,
    /// Its gates.
    pub gates: Gates,
    /// Of those that wait, the highest goes first.
    pub priority: i32,
}

/// Notes what locked instances wait for.
///
/// # Errors
/// When the database cannot be reached.
pub async fn note(tx: &mut Tx<'_>, held: &[Held]) -> Result<(), StoreError> {
    let name = |gate: &Option<cofferdam_domain::plan::Gate>| gate.as_ref().map(|gate| gate.name.clone());
    let ids: Vec<Uuid> = held.iter().map(|held| held.instance.uuid()).collect();
    let dags: Vec<Option<String>> = held.iter().map(|held| name(&held.gates.dag)).collect();
    let tasks: Vec<Option<String>> = held.iter().map(|held| name(&held.gates.task)).collect();
    let keys: Vec<Option<String>> = held.iter().map(|held| name(&held.gates.key)).collect();
    let pasts: Vec<Option<String>> = held.iter().map(|held| held.gates.past.as_ref().map(|(name, _)| name.clone())).collect();
    let priorities: Vec<i32> = held.iter().map(|held| held.priority).collect();
    sqlx::query!(
        r#"
        UPDATE task_instances ti
        SET gate_dag = n.gate_dag, gate_task = n.gate_task, gate_key = n.gate_key, gate_past = n.gate_past, gate_priority = n.priority
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[])
            AS n (instance_id, gate_dag, gate_task, gate_key, gate_past, priority)
        WHERE ti.instance_id = n.instance_id
        "#,
        &ids,
        &dags as &[Option<String>],
        &tasks as &[Option<String>],
        &keys as &[Option<String>],
        &pasts as &[Option<String>],
        &priorities,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks gates until the transaction ends. The names must be in order.
///
/// # Errors
/// When the database cannot be reached.
pub async fn lock(tx: &mut Tx<'_>, names: &[String]) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name", names)
        .fetch_all(tx.conn())
        .await?;
    Ok(())
}

/// Locks a gate, unless somebody else has.
///
/// # Errors
/// When the database cannot be reached.
pub async fn try_lock(tx: &mut Tx<'_>, name: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "locked!""#, name)
        .fetch_one(tx.conn())
        .await?)
}

/// How many instances have passed gates and not ended yet. A gate that none has passed is left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn passed(tx: &mut Tx<'_>, names: &[String]) -> Result<HashMap<String, i64>, StoreError> {
    // Each part has an index of its own.
    let rows = sqlx::query!(
        r#"
        SELECT gate_dag AS "name!", count(*) AS "count!" FROM task_instances
        WHERE gate_dag = ANY($1) AND NOT (state = 'scheduled')
          AND state IN ('queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting') GROUP BY gate_dag
        UNION ALL
        SELECT gate_task, count(*) FROM task_instances
        WHERE gate_task = ANY($1) AND NOT (state = 'scheduled')
          AND state IN ('queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting') GROUP BY gate_task
        UNION ALL
        SELECT gate_key, count(*) FROM task_instances
        WHERE gate_key = ANY($1) AND NOT (state = 'scheduled')
          AND state IN ('queued', 'running', 'up_for_retry', 'up_for_reschedule', 'restarting') GROUP BY gate_key
        "#,
        names
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.count)).collect())
}

/// The next instances that wait at each of these gates, as many as are given with its name, in the order in which they are to pass: by
/// priority, then by age. Not locked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn next(tx: &mut Tx<'_>, gates: &[(String, i64)]) -> Result<Vec<TaskInstanceId>, StoreError> {
    let (names, limits): (Vec<String>, Vec<i64>) = gates.iter().cloned().unzip();
    let ids = sqlx::query_scalar!(
        r#"
        SELECT w.instance_id AS "instance_id!" FROM (
            SELECT DISTINCT f.instance_id, f.gate_priority, f.queued_at
            FROM unnest($1::text[], $2::bigint[]) AS n (name, most) CROSS JOIN LATERAL (
                (SELECT instance_id, gate_priority, queued_at FROM task_instances
                 WHERE gate_dag = n.name AND (state = 'scheduled') AND state = 'scheduled'
                 ORDER BY gate_priority DESC, queued_at LIMIT n.most)
                UNION ALL
                (SELECT instance_id, gate_priority, queued_at FROM task_instances
                 WHERE gate_task = n.name AND (state = 'scheduled') AND state = 'scheduled'
                 ORDER BY gate_priority DESC, queued_at LIMIT n.most)
                UNION ALL
                (SELECT instance_id, gate_priority, queued_at FROM task_instances
                 WHERE gate_key = n.name AND (state = 'scheduled') AND state = 'scheduled'
                 ORDER BY gate_priority DESC, queued_at LIMIT n.most)
                UNION ALL
                (SELECT instance_id, gate_priority, queued_at FROM task_instances
                 WHERE gate_past = n.name AND state = 'scheduled' LIMIT n.most)
            ) f
        ) w
        ORDER BY w.gate_priority DESC, w.queued_at, w.instance_id
        "#,
        &names,
        &limits,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(TaskInstanceId::from_uuid).collect())
}

/// Locks those of these instances, with their runs, that wait and that nobody else has locked.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn lock_free(tx: &mut Tx<'_>, instances: &[TaskInstanceId]) -> Result<Vec<LockedInstance>, StoreError> {
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        FROM task_instances ti JOIN dag_runs r USING (run_key)
        WHERE ti.instance_id = ANY($1) AND ti.state = 'scheduled'
        ORDER BY ti.run_key, ti.instance_id
        FOR UPDATE OF r, ti SKIP LOCKED
        "#,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(LockedInstance::try_from).collect()
}

/// Whether these tasks succeeded or were skipped in the run of the dag before that moment; also when there was none, or it had no
/// such tasks.
///
/// # Errors
/// When the database cannot be reached.
pub async fn past_is_done(
    tx: &mut Tx<'_>,
    dag: DagKey,
    logical_date: DateTime<Utc>,
    tasks: &[String],
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT NOT EXISTS (
            SELECT FROM task_instances ti
            WHERE ti.task_id = ANY($3) AND ti.state NOT IN ('success', 'skipped', 'removed')
              AND ti.run_key = (SELECT run_key FROM dag_runs WHERE dag_key = $1 AND logical_date < $2
                  ORDER BY logical_date DESC, run_key DESC LIMIT 1)) AS "done!"
        "#,
        dag.uuid(),
        logical_date,
        tasks,
    )
    .fetch_one(tx.conn())
    .await?)
}
