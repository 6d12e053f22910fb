//! Changing task instances: lock, decide (elsewhere), write, count, settle.
//!
//! The row of the run is locked before its instances, in order of the key. So the changes of one run happen one after
//! another, counters never miss a neighbour's uncommitted result, and two transactions cannot wait for each other in a circle.

use super::columns::{self, Columns, Row};
use super::facts::XComValue;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::WrittenArtifact;
use cofferdam_domain::ending::{Reason, Receipt};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::{TaskState, TaskStateName};
use cofferdam_domain::trigger_rule::{Outcome, UpstreamCounts};
use cofferdam_ids::{DagVersionId, LeaseToken, RunKey, TaskId, TaskInstanceId, TenantId, WorkerId, XComKey};
use uuid::Uuid;

/// A task instance whose run and whose row this transaction has locked.
#[derive(Clone, Debug)]
pub struct LockedInstance {
    /// Its id.
    pub instance: TaskInstanceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its run.
    pub run: RunKey,
    /// The version that the run is pinned to.
    pub version: DagVersionId,
    /// The state of the run.
    pub run_state: RunStateName,
    /// How many instances of the run were not finished when this was read.
    pub run_unfinished: i32,
    /// Position of its task in the version.
    pub task_index: i32,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Its task.
    pub task_id: TaskId,
    /// Its state.
    pub state: TaskState,
    /// Tries that do not count against the retry policy.
    pub tries_before: u32,
    /// How its upstream tasks ended so far.
    pub upstream: UpstreamCounts,
    /// When it was last queued.
    pub queued_at: Option<DateTime<Utc>>,
    /// When its last recorded try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When a reconciler is to look at it.
    pub attend_at: Option<DateTime<Utc>>,
}

/// Locks task instances and their runs. Those that do not exist are left out.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn lock(tx: &mut Tx<'_>, instances: &[TaskInstanceId]) -> Result<Vec<LockedInstance>, StoreError> {
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        FROM task_instances ti JOIN dag_runs r USING (run_key)
        WHERE ti.instance_id = ANY($1)
        ORDER BY ti.run_key, ti.instance_id
        FOR UPDATE OF r, ti
        "#,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(LockedInstance::try_from).collect()
}

/// Locks runs and those of their instances that are not finished; callbacks are left alone.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn lock_unfinished(tx: &mut Tx<'_>, runs: &[RunKey]) -> Result<Vec<LockedInstance>, StoreError> {
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    sqlx::query!("SELECT run_key FROM dag_runs WHERE run_key = ANY($1) ORDER BY run_key FOR UPDATE", &keys)
        .fetch_all(tx.conn())
        .await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        FROM task_instances ti JOIN dag_runs r USING (run_key)
        WHERE ti.run_key = ANY($1) AND ti.ended_at IS NULL AND NOT ti.is_callback
        ORDER BY ti.run_key, ti.instance_id
        FOR UPDATE OF ti
        "#,
        &keys
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(LockedInstance::try_from).collect()
}

/// The instances of tasks of locked runs that wait for their upstream tasks.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn lock_waiting(tx: &mut Tx<'_>, tasks: &[(RunKey, i32)]) -> Result<Vec<LockedInstance>, StoreError> {
    let (runs, indexes) = by_run(tasks);
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        FROM task_instances ti JOIN dag_runs r USING (run_key)
            JOIN unnest($1::uuid[], $2::int[]) AS n (run_key, task_index)
                ON n.run_key = ti.run_key AND n.task_index = ti.task_index
        WHERE ti.state = 'none'
        ORDER BY ti.run_key, ti.instance_id
        FOR UPDATE OF ti
        "#,
        &runs,
        &indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(LockedInstance::try_from).collect()
}

/// The states of the instances of tasks of locked runs, each with its task and its `map_index`.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn states(tx: &mut Tx<'_>, tasks: &[(RunKey, i32)]) -> Result<Vec<(RunKey, i32, i32, TaskStateName)>, StoreError> {
    let (runs, indexes) = by_run(tasks);
    let rows = sqlx::query!(
        r#"
        SELECT ti.run_key, ti.task_index, ti.map_index, ti.state
        FROM task_instances ti JOIN unnest($1::uuid[], $2::int[]) AS n (run_key, task_index)
            ON n.run_key = ti.run_key AND n.task_index = ti.task_index
        "#,
        &runs,
        &indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let state =
                TaskStateName::parse(&row.state).ok_or_else(|| StoreError::corrupt("task_instances", "state", row.run_key))?;
            Ok((RunKey::from_uuid(row.run_key), row.task_index, row.map_index, state))
        })
        .collect()
}

/// A change of one instance.
#[derive(Clone, Debug)]
pub struct InstanceWrite {
    /// The instance.
    pub instance: TaskInstanceId,
    /// The state and try that it is expected to have: the guard.
    pub before: (TaskStateName, u32),
    /// The state that it gets.
    pub state: TaskState,
    /// Tries that do not count against the retry policy from now on.
    pub tries_before: u32,
    /// When the try began, where the worker told.
    pub started_at: Option<DateTime<Utc>>,
    /// Who ran it, where the worker told.
    pub worker: Option<WorkerId>,
    /// When a reconciler is to look at it; `None` exactly for `none` and finished states.
    pub attend_at: Option<DateTime<Utc>>,
}

/// A try that ended.
#[derive(Clone, Debug)]
pub struct NewTry {
    /// Its instance.
    pub instance: TaskInstanceId,
    /// Its number.
    pub try_number: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// `success`, `failure`, `skip`, `reschedule` or `defer`.
    pub ending: &'static str,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// What is to be said of it.
    pub message: Option<String>,
    /// Who ran it.
    pub worker: Option<WorkerId>,
    /// Under which lease.
    pub lease: LeaseToken,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// What it used.
    pub receipt: Receipt,
}

/// An XCom that a task pushed or returned.
#[derive(Clone, Debug)]
pub struct NewXCom {
    /// Whose it is.
    pub tenant: TenantId,
    /// The run.
    pub run: RunKey,
    /// The task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// Its key.
    pub key: XComKey,
    /// Its value.
    pub value: XComValue,
    /// Bytes of the JSON text.
    pub size_bytes: u64,
}

/// An artifact that a try wrote.
#[derive(Clone, Debug)]
pub struct NewArtifact {
    /// Whose it is.
    pub tenant: TenantId,
    /// The run.
    pub run: RunKey,
    /// The task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The try.
    pub try_number: u32,
    /// What it wrote.
    pub written: WrittenArtifact,
}

/// What a try was given.
#[derive(Clone, Debug)]
pub struct NewRendered {
    /// Its instance.
    pub instance: TaskInstanceId,
    /// Its number.
    pub try_number: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// [`rendered`](cofferdam_domain::rendered::rendered).
    pub rendered: String,
}

/// What one step of a transition changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Instances that get another state.
    pub instances: Vec<InstanceWrite>,
    /// Tries that ended. Of a try that was rescheduled there are several parts: their receipts are added up.
    pub tries: Vec<NewTry>,
    /// XComs. One that exists is replaced: a later try speaks for the task.
    pub xcoms: Vec<NewXCom>,
    /// Artifacts. One that exists is replaced.
    pub artifacts: Vec<NewArtifact>,
    /// What tries were given. What exists is replaced: a rescheduled try may be given something else.
    pub rendered: Vec<NewRendered>,
}

/// Whether an instance that comes into this state starts from nothing next time, if there is a next time. A failed one keeps
/// its checkpoint until it is cleared.
const fn forgets_checkpoint(state: TaskStateName) -> bool {
    match state {
        TaskStateName::None | TaskStateName::Success | TaskStateName::Skipped | TaskStateName::Removed => true,
        TaskStateName::Scheduled
        | TaskStateName::Queued
        | TaskStateName::Running
        | TaskStateName::Failed
        | TaskStateName::UpForRetry
        | TaskStateName::UpForReschedule
        | TaskStateName::Deferred
        | TaskStateName::UpstreamFailed
        | TaskStateName::Restarting => false,
    }
}

/// Writes changes of locked instances, with the tries, XComs and artifacts that belong to them, in one round trip. The
/// checkpoints of instances that need them no more are removed.
///
/// # Errors
/// [`StoreError::Conflict`] when one of the instances does not have the state that it was expected to have.
pub async fn write(tx: &mut Tx<'_>, changes: &Changes, now: DateTime<Utc>) -> Result<(), StoreError> {
    let Changes { instances: writes, tries, xcoms, artifacts, rendered } = changes;
    if writes.is_empty() && tries.is_empty() && xcoms.is_empty() && artifacts.is_empty() && rendered.is_empty() {
        return Ok(());
    }
    let columns: Vec<Columns<'_>> = writes.iter().map(|write| Columns::of(&write.state)).collect();
    let ids: Vec<Uuid> = writes.iter().map(|write| write.instance.uuid()).collect();
    let before: Vec<&str> = writes.iter().map(|write| write.before.0.as_str()).collect();
    let before_try: Vec<i32> = writes.iter().map(|write| write.before.1.cast_signed()).collect();
    let states: Vec<&str> = writes.iter().map(|write| write.state.name().as_str()).collect();
    let reasons: Vec<Option<&str>> = writes.iter().map(|write| write.state.reason().map(Reason::as_str)).collect();
    let try_numbers: Vec<i32> = writes.iter().map(|write| write.state.try_number().cast_signed()).collect();
    let tries_before: Vec<i32> = writes.iter().map(|write| write.tries_before.cast_signed()).collect();
    let leases: Vec<i64> = writes.iter().map(|write| write.state.last_lease().0).collect();
    let workers: Vec<Option<Uuid>> =
        writes.iter().zip(&columns).map(|(write, columns)| columns.worker.or(write.worker).map(WorkerId::uuid)).collect();
    let cancels: Vec<bool> = columns.iter().map(|columns| columns.cancel_requested).collect();
    let events: Vec<Option<&str>> = columns.iter().map(|columns| columns.event).collect();
    let queued: Vec<Option<DateTime<Utc>>> = columns.iter().map(|columns| columns.queued_at).collect();
    let started: Vec<Option<DateTime<Utc>>> =
        writes.iter().zip(&columns).map(|(write, columns)| columns.started_at.or(write.started_at)).collect();
    let ended: Vec<Option<DateTime<Utc>>> = columns.iter().map(|columns| columns.ended_at).collect();
    let due: Vec<Option<DateTime<Utc>>> = columns.iter().map(|columns| columns.due_at).collect();
    let attend: Vec<Option<DateTime<Utc>>> = writes.iter().map(|write| write.attend_at).collect();
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let try_instances: Vec<Uuid> = tries.iter().map(|new| new.instance.uuid()).collect();
    let try_numbers_of_tries: Vec<i32> = tries.iter().map(|new| new.try_number.cast_signed()).collect();
    let try_tenants: Vec<Uuid> = tries.iter().map(|new| new.tenant.uuid()).collect();
    let try_endings: Vec<&str> = tries.iter().map(|new| new.ending).collect();
    let try_reasons: Vec<Option<&str>> = tries.iter().map(|new| new.reason.map(Reason::as_str)).collect();
    let try_messages: Vec<Option<&str>> = tries.iter().map(|new| new.message.as_deref()).collect();
    let try_workers: Vec<Option<Uuid>> = tries.iter().map(|new| new.worker.map(WorkerId::uuid)).collect();
    let try_leases: Vec<i64> = tries.iter().map(|new| new.lease.0).collect();
    let try_queued: Vec<DateTime<Utc>> = tries.iter().map(|new| new.queued_at).collect();
    let try_started: Vec<Option<DateTime<Utc>>> = tries.iter().map(|new| new.started_at).collect();
    let try_ended: Vec<DateTime<Utc>> = tries.iter().map(|new| new.ended_at).collect();
    let try_fuel: Vec<i64> = tries.iter().map(|new| signed(new.receipt.fuel)).collect();
    let try_memory: Vec<i64> = tries.iter().map(|new| signed(new.receipt.peak_memory_bytes)).collect();
    let try_wall: Vec<i64> = tries.iter().map(|new| signed(new.receipt.wall_us)).collect();
    let try_cpu: Vec<i64> = tries.iter().map(|new| signed(new.receipt.cpu_us)).collect();
    let try_input: Vec<i64> = tries.iter().map(|new| signed(new.receipt.input_bytes)).collect();
    let try_output: Vec<i64> = tries.iter().map(|new| signed(new.receipt.output_bytes)).collect();
    let try_stdio: Vec<i64> = tries.iter().map(|new| signed(new.receipt.stdio_bytes)).collect();
    let try_log: Vec<i64> = tries.iter().map(|new| signed(new.receipt.log_bytes)).collect();
    let try_calls: Vec<i64> = tries.iter().map(|new| signed(new.receipt.http_calls)).collect();
    let try_http: Vec<i64> = tries.iter().map(|new| signed(new.receipt.http_bytes)).collect();
    let xcom_tenants: Vec<Uuid> = xcoms.iter().map(|new| new.tenant.uuid()).collect();
    let xcom_runs: Vec<Uuid> = xcoms.iter().map(|new| new.run.uuid()).collect();
    let xcom_tasks: Vec<&str> = xcoms.iter().map(|new| new.task_id.as_str()).collect();
    let xcom_map_indexes: Vec<i32> = xcoms.iter().map(|new| new.map_index).collect();
    let xcom_keys: Vec<&str> = xcoms.iter().map(|new| new.key.as_str()).collect();
    let xcom_values: Vec<Option<&str>> = xcoms
        .iter()
        .map(|new| match &new.value {
            XComValue::Inline(value) => Some(value.as_str()),
            XComValue::Object(_) => None,
        })
        .collect();
    let xcom_objects: Vec<Option<&str>> = xcoms
        .iter()
        .map(|new| match &new.value {
            XComValue::Inline(_) => None,
            XComValue::Object(object) => Some(object.as_str()),
        })
        .collect();
    let xcom_sizes: Vec<i64> = xcoms.iter().map(|new| i64::try_from(new.size_bytes).unwrap_or(i64::MAX)).collect();
    let left_tenants: Vec<Uuid> = artifacts.iter().map(|new| new.tenant.uuid()).collect();
    let left_runs: Vec<Uuid> = artifacts.iter().map(|new| new.run.uuid()).collect();
    let left_tasks: Vec<&str> = artifacts.iter().map(|new| new.task_id.as_str()).collect();
    let left_map_indexes: Vec<i32> = artifacts.iter().map(|new| new.map_index).collect();
    let left_names: Vec<&str> = artifacts.iter().map(|new| new.written.artifact.name.as_str()).collect();
    let left_types: Vec<&str> = artifacts.iter().map(|new| new.written.artifact.content_type.as_str()).collect();
    let left_sizes: Vec<i64> = artifacts.iter().map(|new| signed(new.written.artifact.size_bytes)).collect();
    let left_sums: Vec<&str> = artifacts.iter().map(|new| new.written.artifact.sha256.as_str()).collect();
    let left_objects: Vec<&str> = artifacts.iter().map(|new| new.written.object.as_str()).collect();
    let left_tries: Vec<i32> = artifacts.iter().map(|new| new.try_number.cast_signed()).collect();
    let given_instances: Vec<Uuid> = rendered.iter().map(|new| new.instance.uuid()).collect();
    let given_tries: Vec<i32> = rendered.iter().map(|new| new.try_number.cast_signed()).collect();
    let given_tenants: Vec<Uuid> = rendered.iter().map(|new| new.tenant.uuid()).collect();
    let given: Vec<&str> = rendered.iter().map(|new| new.rendered.as_str()).collect();
    let forgotten: Vec<Uuid> =
        writes.iter().filter(|write| forgets_checkpoint(write.state.name())).map(|write| write.instance.uuid()).collect();
    let written = sqlx::query_scalar!(
        r#"
        WITH written AS (
            UPDATE task_instances ti
            SET state = n.state, reason = n.reason, try_number = n.try_number, tries_before = n.tries_before, lease_token = n.lease_token,
                worker_id = coalesce(n.worker_id, ti.worker_id),
                cancel_requested_at = CASE WHEN n.cancel_requested THEN coalesce(ti.cancel_requested_at, $17) END,
                deferred_event = n.deferred_event, queued_at = coalesce(n.queued_at, ti.queued_at),
                started_at = coalesce(n.started_at, ti.started_at), ended_at = n.ended_at, due_at = n.due_at, attend_at = n.attend_at
            FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bigint[], $9::uuid[],
                $10::bool[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
                $16::timestamptz[])
                AS n (instance_id, state_before, try_before, state, reason, try_number, tries_before, lease_token, worker_id,
                    cancel_requested, deferred_event, queued_at, started_at, ended_at, due_at, attend_at)
            WHERE ti.instance_id = n.instance_id AND ti.state = n.state_before AND ti.try_number = n.try_before
            RETURNING 1
        ), tried AS (
            INSERT INTO tries (instance_id, try_number, tenant_id, ending, reason, message, worker_id, lease_token, queued_at, started_at,
                ended_at, fuel, peak_memory_bytes, wall_us, cpu_us, input_bytes, output_bytes, stdio_bytes, log_bytes,
                http_calls, http_bytes)
            SELECT * FROM unnest($18::uuid[], $19::int[], $20::uuid[], $21::text[], $22::text[], $23::text[], $24::uuid[], $25::bigint[],
                $26::timestamptz[], $27::timestamptz[], $28::timestamptz[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[],
                $33::bigint[], $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[], $38::bigint[])
            ON CONFLICT (instance_id, try_number) DO UPDATE
            SET ending = excluded.ending, reason = excluded.reason, message = excluded.message, worker_id = excluded.worker_id,
                lease_token = excluded.lease_token, ended_at = excluded.ended_at, fuel = tries.fuel + excluded.fuel,
                peak_memory_bytes = greatest(tries.peak_memory_bytes, excluded.peak_memory_bytes),
                wall_us = tries.wall_us + excluded.wall_us, cpu_us = tries.cpu_us + excluded.cpu_us,
                input_bytes = excluded.input_bytes, output_bytes = excluded.output_bytes,
                stdio_bytes = tries.stdio_bytes + excluded.stdio_bytes, log_bytes = tries.log_bytes + excluded.log_bytes,
                http_calls = tries.http_calls + excluded.http_calls, http_bytes = tries.http_bytes + excluded.http_bytes
        ), kept AS (
            INSERT INTO xcoms (tenant_id, run_key, task_id, map_index, key, value, object, size_bytes, created_at)
            SELECT n.*, $17 FROM unnest($39::uuid[], $40::uuid[], $41::text[], $42::int[], $43::text[], $44::text[], $45::text[],
                $46::bigint[]) AS n
            ON CONFLICT (run_key, task_id, map_index, key) DO UPDATE
            SET value = excluded.value, object = excluded.object, size_bytes = excluded.size_bytes, created_at = excluded.created_at
        ), filed AS (
            INSERT INTO artifacts (tenant_id, run_key, task_id, map_index, name, content_type, size_bytes, sha256, object, try_number,
                created_at)
            SELECT n.*, $17 FROM unnest($47::uuid[], $48::uuid[], $49::text[], $50::int[], $51::text[], $52::text[], $53::bigint[],
                $54::text[], $55::text[], $56::int[]) AS n
            ON CONFLICT (run_key, task_id, map_index, name) DO UPDATE
            SET content_type = excluded.content_type, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
                object = excluded.object, try_number = excluded.try_number, created_at = excluded.created_at
        ), forgotten AS (
            DELETE FROM checkpoints WHERE instance_id = ANY($57::uuid[])
        ), given AS (
            INSERT INTO rendered_inputs (instance_id, try_number, tenant_id, rendered)
            SELECT * FROM unnest($58::uuid[], $59::int[], $60::uuid[], $61::text[])
            ON CONFLICT (instance_id, try_number) DO UPDATE SET rendered = excluded.rendered
        )
        SELECT count(*) AS "written!" FROM written
        "#,
        &ids,
        &before as &[&str],
        &before_try,
        &states as &[&str],
        &reasons as &[Option<&str>],
        &try_numbers,
        &tries_before,
        &leases,
        &workers as &[Option<Uuid>],
        &cancels,
        &events as &[Option<&str>],
        &queued as &[Option<DateTime<Utc>>],
        &started as &[Option<DateTime<Utc>>],
        &ended as &[Option<DateTime<Utc>>],
        &due as &[Option<DateTime<Utc>>],
        &attend as &[Option<DateTime<Utc>>],
        now,
        &try_instances,
        &try_numbers_of_tries,
        &try_tenants,
        &try_endings as &[&str],
        &try_reasons as &[Option<&str>],
        &try_messages as &[Option<&str>],
        &try_workers as &[Option<Uuid>],
        &try_leases,
        &try_queued,
        &try_started as &[Option<DateTime<Utc>>],
        &try_ended,
        &try_fuel,
        &try_memory,
        &try_wall,
        &try_cpu,
        &try_input,
        &try_output,
        &try_stdio,
        &try_log,
        &try_calls,
        &try_http,
        &xcom_tenants,
        &xcom_runs,
        &xcom_tasks as &[&str],
        &xcom_map_indexes,
        &xcom_keys as &[&str],
        &xcom_values as &[Option<&str>],
        &xcom_objects as &[Option<&str>],
        &xcom_sizes,
        &left_tenants,
        &left_runs,
        &left_tasks as &[&str],
        &left_map_indexes,
        &left_names as &[&str],
        &left_types as &[&str],
        &left_sizes,
        &left_sums as &[&str],
        &left_objects as &[&str],
        &left_tries,
        &forgotten,
        &given_instances,
        &given_tries,
        &given_tenants,
        &given as &[&str],
    )
    .fetch_one(tx.conn())
    .await?;
    let missing = i64::try_from(writes.len()).unwrap_or(i64::MAX) - written;
    if missing == 0 {
        Ok(())
    } else {
        Err(StoreError::conflict(format!("{missing} of {} task instances changed meanwhile", writes.len())))
    }
}

/// Outcomes to be counted for one task of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The run.
    pub run: RunKey,
    /// The task that waits.
    pub task_index: i32,
    /// Which of its instances; nothing for all of them.
    pub map_index: Option<i32>,
    /// What is added to its counts (`total` is added as well: below nought for upstream tasks that were removed).
    pub add: UpstreamCounts,
}

impl Counted {
    /// Nothing counted yet, for all instances of a task.
    #[must_use]
    pub const fn new(run: RunKey, task_index: i32) -> Self {
        Self { run, task_index, map_index: None, add: UpstreamCounts::of(0) }
    }

    /// Adds an outcome.
    pub const fn add(&mut self, outcome: Outcome) {
        self.add.record(outcome);
    }
}

/// Counts outcomes for the tasks that wait for them, each for all instances of its task. Returns those of their instances that have not
/// started, as they are now. `finished` are counts of finished instances of runs that go on: [`settle`] is for those that may end, and not asked for the
/// others, which saves a round trip. The runs must be locked.
///
/// # Errors
/// When the database cannot be reached, or a row cannot be read.
pub async fn count(tx: &mut Tx<'_>, counted: &[Counted], finished: &[(RunKey, i32)]) -> Result<Vec<LockedInstance>, StoreError> {
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    let runs: Vec<Uuid> = counted.iter().map(|counted| counted.run.uuid()).collect();
    let tasks: Vec<i32> = counted.iter().map(|counted| counted.task_index).collect();
    let [totals, successes, failures, upstream_failures, skips] = columns::counts(counted.iter().map(|counted| &counted.add));
    let (finished_runs, finished_counts) = by_run(finished);
    let rows = sqlx::query_as!(
        Row,
        r#"
        WITH settled AS (
            UPDATE dag_runs r SET unfinished = r.unfinished - n.finished
            FROM unnest($8::uuid[], $9::int[]) AS n (run_key, finished)
            WHERE r.run_key = n.run_key
        )
        UPDATE task_instances ti
        SET upstream_total = ti.upstream_total + n.total, upstream_success = ti.upstream_success + n.success,
            upstream_failed = ti.upstream_failed + n.failed,
            upstream_upstream_failed = ti.upstream_upstream_failed + n.upstream_failed, upstream_skipped = ti.upstream_skipped + n.skipped
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[])
                AS n (run_key, task_index, total, success, failed, upstream_failed, skipped),
            dag_runs r
        WHERE ti.run_key = n.run_key AND ti.task_index = n.task_index AND r.run_key = n.run_key
        RETURNING ti.instance_id, ti.tenant_id, ti.run_key, r.dag_version_id, r.state AS run_state, r.unfinished AS run_unfinished,
            ti.task_index, ti.map_index, ti.task_id, ti.state, ti.reason, ti.try_number, ti.tries_before, ti.lease_token, ti.worker_id, ti.cancel_requested_at, ti.deferred_event,
            ti.queued_at, ti.started_at, ti.ended_at, ti.due_at, ti.attend_at, ti.upstream_total, ti.upstream_success,
            ti.upstream_failed, ti.upstream_upstream_failed, ti.upstream_skipped
        "#,
        &runs,
        &tasks,
        &totals,
        &successes,
        &failures,
        &upstream_failures,
        &skips,
        &finished_runs,
        &finished_counts,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().filter(|row| row.state == TaskStateName::None.as_str()).map(LockedInstance::try_from).collect()
}

/// Numbers of runs (counts, or positions of tasks), as arrays.
pub(super) fn by_run(numbers: &[(RunKey, i32)]) -> (Vec<Uuid>, Vec<i32>) {
    numbers.iter().map(|(run, number)| (run.uuid(), *number)).unzip()
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRun {
    /// The run.
    pub run: RunKey,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Why it failed, where its tasks do not say.
    pub reason: Option<String>,
    /// The task instance that waits for it.
    pub parent: Option<TaskInstanceId>,
}

/// Counts finished instances of locked runs, and closes the runs that have no unfinished one left: `failed` when a task that
/// nothing waits for failed or was not run because of a failure, or somebody asked to cancel the run, else `success`.
///
/// # Errors
/// When the database cannot be reached.
pub async fn settle(tx: &mut Tx<'_>, finished: &[(RunKey, i32)], now: DateTime<Utc>) -> Result<Vec<ClosedRun>, StoreError> {
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    let (runs, counts) = by_run(finished);
    let rows = sqlx::query!(
        r#"
        WITH settled AS (
        UPDATE dag_runs r
        SET unfinished = r.unfinished - n.finished,
            -- The leaves are only looked at when the run closes.
            state = CASE
                WHEN r.unfinished > n.finished THEN r.state
                WHEN r.cancel_requested_at IS NOT NULL THEN 'failed'
                WHEN (SELECT bool_or(ti.state IN ('failed', 'upstream_failed')) FROM task_instances ti
                    WHERE ti.run_key = r.run_key AND ti.is_leaf) THEN 'failed'
                ELSE 'success' END,
            reason = CASE WHEN r.unfinished = n.finished AND r.cancel_requested_at IS NOT NULL
                THEN CASE WHEN r.timed_out THEN 'timed_out' ELSE 'cancelled' END ELSE nullif(r.reason, 'marked_by_user') END,
            started_at = coalesce(r.started_at, $3),
            ended_at = CASE WHEN r.unfinished = n.finished THEN $3::timestamptz END
        FROM unnest($1::uuid[], $2::int[]) AS n (run_key, finished)
        WHERE r.run_key = n.run_key
        RETURNING r.run_key, r.tenant_id, r.dag_key, r.state, r.reason, CASE WHEN r.parent_waits THEN r.parent_instance_id END AS parent
        ), followed AS (
            -- Dags that run when this one has ended.
            INSERT INTO pending_triggers (tenant_id, dag_key, ended_run)
            SELECT s.tenant_id, c.dag_key, s.run_key
            FROM settled s JOIN dags d ON d.dag_key = s.dag_key
            JOIN dag_end_consumers c ON c.tenant_id = s.tenant_id AND c.upstream_dag_id = d.dag_id AND c.state IN ('any', s.state)
            JOIN dags f ON f.dag_key = c.dag_key AND NOT f.paused
            WHERE s.state IN ('success', 'failed')
        )
        SELECT run_key, state, reason, parent FROM settled
        "#,
        &runs,
        &counts,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter(|row| matches!(row.state.as_str(), "success" | "failed"))
        .map(|row| ClosedRun {
            run: RunKey::from_uuid(row.run_key),
            succeeded: row.state == "success",
            reason: row.reason,
            parent: row.parent.map(TaskInstanceId::from_uuid),
        })
        .collect())
}

/// Opens locked runs again that are finished: an instance of theirs has work again. They begin anew, and are not cancelled any more.
/// Returns those that were finished.
///
/// # Errors
/// When the database cannot be reached.
pub async fn reopen(tx: &mut Tx<'_>, runs: &[RunKey], now: DateTime<Utc>) -> Result<Vec<RunKey>, StoreError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Uuid> = runs.iter().map(|run| run.uuid()).collect();
    let reopened = sqlx::query_scalar!(
        r#"
        UPDATE dag_runs SET state = 'running', reason = NULL, started_at = $2, ended_at = NULL, cancel_requested_at = NULL,
            timed_out = false
        WHERE run_key = ANY($1) AND state IN ('success', 'failed') RETURNING run_key
        "#,
        &keys,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(reopened.into_iter().map(RunKey::from_uuid).collect())
}

/// Marks a locked run as being cancelled; `timed_out` says that it took too long.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request_cancel(tx: &mut Tx<'_>, run: RunKey, timed_out: bool, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        UPDATE dag_runs
        SET cancel_requested_at = coalesce(cancel_requested_at, $2), timed_out = timed_out OR (cancel_requested_at IS NULL AND $3)
        WHERE run_key = $1
        "#,
        run.uuid(),
        now,
        timed_out
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
