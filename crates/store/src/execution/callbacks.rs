//! Callbacks: instances that are made when something has happened, in the transaction in which it did.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_ids::{RunKey, TaskId, TaskInstanceId, TenantId};
use std::collections::HashMap;
use uuid::Uuid;

/// What a callback is called for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The run.
    pub run: RunKey,
    /// Position and name of the task to whose instance it happened; nothing when it happened to the run.
    pub subject: Option<(i32, TaskId)>,
    /// Position of that instance in a mapped task, or -1.
    pub map_index: i32,
    /// What happened.
    pub event: CallbackEvent,
    /// The try of the task; 0 for a run or a deadline, whose calls are numbered here.
    pub try_number: u32,
    /// The state that it came to.
    pub state: String,
    /// Why, where there is more to say than the state.
    pub reason: Option<String>,
    /// What the try said, at most 8,000 characters.
    pub message: Option<String>,
    /// For a deadline, the moment that has passed.
    pub deadline: Option<DateTime<Utc>>,
}

/// A callback to be called.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// Its instance, made by the caller.
    pub instance: TaskInstanceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its position in the plan.
    pub task_index: i32,
    /// Its name.
    pub task_id: TaskId,
    /// What it is called for.
    pub called: Called,
}

/// Makes the instances of callbacks, queued with their first try, and returns them with their positions: as a callback can be called
/// several times in a run, its instances are numbered from -1. What was called for before is left out. The runs must be locked.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn call(
    tx: &mut Tx<'_>,
    calls: &[NewCall],
    attend_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(TaskInstanceId, i32)>, StoreError> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = calls.iter().map(|call| call.instance.uuid()).collect();
    let tenants: Vec<Uuid> = calls.iter().map(|call| call.tenant.uuid()).collect();
    let runs: Vec<Uuid> = calls.iter().map(|call| call.called.run.uuid()).collect();
    let indexes: Vec<i32> = calls.iter().map(|call| call.task_index).collect();
    let names: Vec<&str> = calls.iter().map(|call| call.task_id.as_str()).collect();
    let subjects: Vec<i32> = calls.iter().map(|call| call.called.subject.as_ref().map_or(-1, |(index, _)| *index)).collect();
    let subject_names: Vec<Option<&str>> =
        calls.iter().map(|call| call.called.subject.as_ref().map(|(_, name)| name.as_str())).collect();
    let map_indexes: Vec<i32> = calls.iter().map(|call| call.called.map_index).collect();
    let events: Vec<&str> = calls.iter().map(|call| call.called.event.as_str()).collect();
    let tries: Vec<i32> = calls.iter().map(|call| call.called.try_number.cast_signed()).collect();
    let states: Vec<&str> = calls.iter().map(|call| call.called.state.as_str()).collect();
    let reasons: Vec<Option<&str>> = calls.iter().map(|call| call.called.reason.as_deref()).collect();
    let messages: Vec<Option<&str>> = calls.iter().map(|call| call.called.message.as_deref()).collect();
    let deadlines: Vec<Option<DateTime<Utc>>> = calls.iter().map(|call| call.called.deadline).collect();
    let rows = sqlx::query!(
        r#"
        WITH n AS (
            SELECT n.instance_id, n.tenant_id, n.run_key, n.task_index, n.task_id, n.subject_index, n.subject_task_id, n.map_index, n.event,
                -- What happens to a run is numbered, since it has no tries; and so are deadlines, of which each is missed once, and that
                -- are renewed when something is cleared.
                CASE WHEN n.subject_index >= 0 AND n.event <> 'deadline' THEN n.try_number
                    ELSE CASE n.event WHEN 'deadline' THEN 0 ELSE 1 END + (SELECT count(*) FROM callbacks c
                        WHERE c.run_key = n.run_key AND c.subject_index = n.subject_index AND c.event = n.event)::int END AS try_number,
                n.state, n.reason, n.message, n.deadline
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::int[], $7::text[], $8::int[], $9::text[],
                $10::int[], $11::text[], $12::text[], $13::text[], $14::timestamptz[])
                AS n (instance_id, tenant_id, run_key, task_index, task_id, subject_index, subject_task_id, map_index, event, try_number,
                    state, reason, message, deadline)
        ), fresh AS (
            SELECT n.*, (coalesce((SELECT max(ti.map_index) FROM task_instances ti
                    WHERE ti.run_key = n.run_key AND ti.task_index = n.task_index), -2)
                + row_number() OVER (PARTITION BY n.run_key, n.task_index ORDER BY n.instance_id))::int AS number
            FROM n WHERE NOT EXISTS (SELECT FROM callbacks c WHERE c.run_key = n.run_key AND c.subject_index = n.subject_index
                AND c.subject_map_index = n.map_index AND c.event = n.event AND c.try_number = n.try_number)
        ), made AS (
            INSERT INTO task_instances (instance_id, tenant_id, run_key, task_index, map_index, task_id, state, try_number,
                upstream_total, is_leaf, is_callback, queued_at, attend_at)
            SELECT instance_id, tenant_id, run_key, task_index, number, task_id, 'queued', 1, 0, false, true, $15::timestamptz,
                $16::timestamptz FROM fresh
        ), noted AS (
            INSERT INTO callbacks (instance_id, tenant_id, run_key, subject_index, subject_map_index, subject_task_id, event, try_number,
                state, reason, message, deadline, called_at)
            SELECT instance_id, tenant_id, run_key, subject_index, map_index, subject_task_id, event, try_number, state, reason, message,
                deadline, $15::timestamptz FROM fresh
        )
        SELECT instance_id AS "instance_id!", number AS "number!" FROM fresh
        "#,
        &ids,
        &tenants,
        &runs,
        &indexes,
        &names as &[&str],
        &subjects,
        &subject_names as &[Option<&str>],
        &map_indexes,
        &events as &[&str],
        &tries,
        &states as &[&str],
        &reasons as &[Option<&str>],
        &messages as &[Option<&str>],
        &deadlines as &[Option<DateTime<Utc>>],
        now,
        attend_at,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (TaskInstanceId::from_uuid(row.instance_id), row.number)).collect())
}

/// What instances of callbacks were called for. Those that are none are left out.
///
/// # Errors
/// When the database cannot be reached.
pub async fn called(tx: &mut Tx<'_>, instances: &[TaskInstanceId]) -> Result<HashMap<TaskInstanceId, Called>, StoreError> {
    if instances.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.uuid()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT instance_id, run_key, subject_index, subject_map_index, subject_task_id, event, try_number, state, reason, message, deadline
        FROM callbacks WHERE instance_id = ANY ($1)
        "#,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = row_of("callbacks", row.instance_id);
            let task_id: Option<TaskId> =
                row.subject_task_id.as_deref().map(|name| origin.name("subject_task_id", name)).transpose()?;
            let called = Called {
                run: RunKey::from_uuid(row.run_key),
                subject: task_id.map(|task_id| (row.subject_index, task_id)),
                map_index: row.subject_map_index,
                event: origin.known("event", CallbackEvent::parse(&row.event))?,
                try_number: origin.number("try_number", row.try_number)?,
                state: row.state,
                reason: row.reason,
                message: row.message,
                deadline: row.deadline,
            };
            Ok((TaskInstanceId::from_uuid(row.instance_id), called))
        })
        .collect()
}
