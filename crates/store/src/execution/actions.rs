//! What people do to runs and their instances: finding those that are meant, notes, and states set by hand.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagKey, DagRunId, DagVersionId, RunKey, TaskId, TaskInstanceId};
use uuid::Uuid;

/// Which runs of a dag are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunScope {
    /// Only runs of these names; none named: any.
    pub dag_run_ids: Option<Vec<DagRunId>>,
    /// Only runs for this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Only runs for this moment or earlier.
    pub to: Option<DateTime<Utc>>,
}

/// A run that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedRun {
    /// Its key.
    pub run: RunKey,
    /// The version that it is pinned to.
    pub version: DagVersionId,
    /// Its name.
    pub dag_run_id: DagRunId,
    /// The moment that it is for.
    pub logical_date: DateTime<Utc>,
}

/// The key of a dag.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn find_dag(tx: &mut Tx<'_>, dag_id: &DagId) -> Result<DagKey, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("SELECT dag_key FROM dags WHERE tenant_id = $1 AND dag_id = $2", tenant, dag_id.as_str())
        .fetch_optional(tx.conn())
        .await?
        .map(DagKey::from_uuid)
        .ok_or_else(|| StoreError::not_found("dag", dag_id))
}

/// The runs of a dag in a scope, the earliest first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn runs(tx: &mut Tx<'_>, dag: DagKey, scope: &RunScope, limit: i64) -> Result<Vec<SelectedRun>, StoreError> {
    let tenant = tx.tenant();
    let names: Option<Vec<String>> = scope.dag_run_ids.as_ref().map(|names| names.iter().map(ToString::to_string).collect());
    sqlx::query!(
        r#"
        SELECT run_key, dag_version_id, dag_run_id, logical_date FROM dag_runs
        WHERE tenant_id = $1 AND dag_key = $2 AND ($3::text[] IS NULL OR dag_run_id = ANY ($3))
          AND ($4::timestamptz IS NULL OR logical_date >= $4) AND ($5::timestamptz IS NULL OR logical_date <= $5)
        ORDER BY logical_date, run_key LIMIT $6
        "#,
        tenant,
        dag.uuid(),
        names.as_deref(),
        scope.from,
        scope.to,
        limit
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        Ok(SelectedRun {
            run: RunKey::from_uuid(row.run_key),
            version: DagVersionId::from_uuid(row.dag_version_id),
            dag_run_id: row_of("dag_runs", row.run_key).name("dag_run_id", &row.dag_run_id)?,
            logical_date: row.logical_date,
        })
    })
    .collect()
}

/// An instance that is meant, as it was when it was read: look again under the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub instance: TaskInstanceId,
    /// Its run.
    pub run: RunKey,
    /// Position of its task in the version of the run.
    pub task_index: i32,
    /// Its task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Its state.
    pub state: TaskStateName,
    /// Its try, from 1; nought before the first.
    pub try_number: u32,
}

/// Instances of these runs, without callbacks; with `tasks` only of tasks of these names.
///
/// # Errors
/// When the database cannot be reached.
pub async fn candidates(
    tx: &mut Tx<'_>,
    runs: &[RunKey],
    tasks: Option<&[TaskId]>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let tenant = tx.tenant();
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let names: Option<Vec<String>> = tasks.map(|tasks| tasks.iter().map(ToString::to_string).collect());
    sqlx::query!(
        r#"
        SELECT instance_id, run_key, task_index, task_id, map_index, state, try_number FROM task_instances
        WHERE tenant_id = $1 AND run_key = ANY ($2) AND NOT is_callback AND ($3::text[] IS NULL OR task_id = ANY ($3))
        ORDER BY run_key, task_index, map_index LIMIT $4
        "#,
        tenant,
        &keys,
        names.as_deref(),
        limit
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| {
        let origin = row_of("task_instances", row.instance_id);
        Ok(Candidate {
            instance: TaskInstanceId::from_uuid(row.instance_id),
            run: RunKey::from_uuid(row.run_key),
            task_index: row.task_index,
            task_id: origin.name("task_id", &row.task_id)?,
            map_index: row.map_index,
            state: origin.known("state", TaskStateName::parse(&row.state))?,
            try_number: origin.number("try_number", row.try_number)?,
        })
    })
    .collect()
}

/// Removes what instances left for others: they are run anew, and nothing of the former time is to be taken for theirs.
///
/// # Errors
/// When the database cannot be reached.
pub async fn forget_xcoms(tx: &mut Tx<'_>, instances: &[(RunKey, TaskId, i32)]) -> Result<(), StoreError> {
    let runs: Vec<Uuid> = instances.iter().map(|(run, _, _)| run.uuid()).collect();
    let tasks: Vec<&str> = instances.iter().map(|(_, task, _)| task.as_str()).collect();
    let map_indexes: Vec<i32> = instances.iter().map(|(_, _, map_index)| *map_index).collect();
    sqlx::query!(
        r#"
        DELETE FROM xcoms x USING unnest($1::uuid[], $2::text[], $3::int[]) AS n (run_key, task_id, map_index)
        WHERE x.run_key = n.run_key AND x.task_id = n.task_id AND x.map_index = n.map_index
        "#,
        &runs,
        &tasks as &[&str],
        &map_indexes
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives a locked run, none of whose instances is unfinished, the state that a person wants.
///
/// # Errors
/// [`StoreError::Conflict`] when it has unfinished instances.
pub async fn mark_run(tx: &mut Tx<'_>, run: RunKey, succeeded: bool, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        UPDATE dag_runs SET state = $2, reason = 'marked_by_user', started_at = coalesce(started_at, $3),
            ended_at = coalesce(ended_at, $3), cancel_requested_at = NULL, timed_out = false
        WHERE run_key = $1 AND unfinished = 0
        "#,
        run.uuid(),
        if succeeded { "success" } else { "failed" },
        now
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::conflict("the dag run has tasks that are not finished")) }
}

/// Writes a note on a run, or removes it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn note_run(tx: &mut Tx<'_>, dag_id: &DagId, dag_run_id: &DagRunId, note: Option<&str>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        UPDATE dag_runs r SET note = $4 FROM dags d
        WHERE d.dag_key = r.dag_key AND r.tenant_id = $1 AND d.dag_id = $2 AND r.dag_run_id = $3
        "#,
        tenant,
        dag_id.as_str(),
        dag_run_id.as_str(),
        note
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::not_found("dag run", dag_run_id)) }
}

/// Writes a note on a task instance, or removes it.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn note_instance(
    tx: &mut Tx<'_>,
    run: RunKey,
    task: &TaskId,
    map_index: i32,
    note: Option<&str>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "UPDATE task_instances SET note = $5 WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4",
        tenant,
        run.uuid(),
        task.as_str(),
        map_index,
        note
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::not_found("task instance", task)) }
}

/// Deletes a run that is finished, with all that its tasks left in the database.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] while it is not finished.
pub async fn delete_run(tx: &mut Tx<'_>, dag_id: &DagId, dag_run_id: &DagRunId) -> Result<(), StoreError> {
    let run = super::runs::find_run(tx, dag_id, dag_run_id).await?;
    let done = sqlx::query!("DELETE FROM dag_runs WHERE run_key = $1 AND state IN ('success', 'failed')", run.uuid())
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::conflict(format!("the dag run '{dag_run_id}' is not finished; cancel it or wait for it, then delete it")))
    }
}
