//! Reading task instances and their tries. What changes them is in [`crate::execution`].

mod search;

pub use search::{InstanceField, InstanceFilter, search};

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::ending::{Reason, Receipt};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{RunKey, TaskId, TaskInstanceId, WorkerId};
use serde::Deserialize;
use uuid::Uuid;

/// One task of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInstance {
    /// Its id.
    pub id: TaskInstanceId,
    /// Its run.
    pub run: RunKey,
    /// Position of the task in the run's dag version.
    pub task_index: u32,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The task.
    pub task_id: TaskId,
    /// Its state.
    pub state: TaskStateName,
    /// Why, where there is more to say than the state.
    pub reason: Option<Reason>,
    /// The current try, from 1; nought before the first.
    pub try_number: u32,
    /// Tries begun before it was last cleared, which its retry policy does not count.
    pub tries_before: u32,
    /// The worker that has or had it.
    pub worker: Option<WorkerId>,
    /// The event that it waits for.
    pub deferred_event: Option<String>,
    /// When somebody asked to cancel it.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When the current try was queued.
    pub queued_at: Option<DateTime<Utc>>,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it is tried again, or its deferral ends.
    pub due_at: Option<DateTime<Utc>>,
    /// A person's remark.
    pub note: Option<String>,
    /// The last try that has ended.
    pub last_try: Option<Try>,
    /// What the instance of a mapped task is called, by the last try of which is known what it was given.
    pub name: Option<String>,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryEnding {
    /// With a result.
    Success,
    /// With an error.
    Failure,
    /// The task asked to be skipped.
    Skip,
    /// The task asked to be run again later.
    Reschedule,
    /// The task asked to be woken by an event.
    Defer,
}

impl TryEnding {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "success" => Some(Self::Success),
            "failure" => Some(Self::Failure),
            "skip" => Some(Self::Skip),
            "reschedule" => Some(Self::Reschedule),
            "defer" => Some(Self::Defer),
            _ => None,
        }
    }
}

/// A try that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its number, from 1.
    pub try_number: u32,
    /// How it ended.
    pub ending: TryEnding,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// What it said: its error, or why it was skipped.
    pub message: Option<String>,
    /// The worker that ran it.
    pub worker: Option<WorkerId>,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// What it used.
    pub receipt: Receipt,
}

/// A row of `tries`, from there or as it was kept with a dead letter.
#[derive(Deserialize)]
pub(crate) struct TryRow {
    #[serde(default)]
    instance_id: Uuid,
    try_number: i32,
    ending: String,
    reason: Option<String>,
    message: Option<String>,
    worker_id: Option<Uuid>,
    queued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: DateTime<Utc>,
    fuel: i64,
    peak_memory_bytes: i64,
    wall_us: i64,
    cpu_us: i64,
    input_bytes: i64,
    output_bytes: i64,
    stdio_bytes: i64,
    log_bytes: i64,
    http_calls: i64,
    http_bytes: i64,
}

impl TryFrom<TryRow> for Try {
    type Error = StoreError;

    fn try_from(row: TryRow) -> Result<Self, StoreError> {
        let origin = row_of("tries", row.instance_id);
        Ok(Self {
            try_number: origin.number("try_number", row.try_number)?,
            ending: origin.known("ending", TryEnding::parse(&row.ending))?,
            reason: origin.known_if_set("reason", row.reason.as_deref(), Reason::parse)?,
            message: row.message,
            worker: row.worker_id.map(WorkerId::from_uuid),
            queued_at: row.queued_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            receipt: Receipt {
                fuel: origin.number("fuel", row.fuel)?,
                peak_memory_bytes: origin.number("peak_memory_bytes", row.peak_memory_bytes)?,
                wall_us: origin.number("wall_us", row.wall_us)?,
                cpu_us: origin.number("cpu_us", row.cpu_us)?,
                input_bytes: origin.number("input_bytes", row.input_bytes)?,
                output_bytes: origin.number("output_bytes", row.output_bytes)?,
                stdio_bytes: origin.number("stdio_bytes", row.stdio_bytes)?,
                log_bytes: origin.number("log_bytes", row.log_bytes)?,
                http_calls: origin.number("http_calls", row.http_calls)?,
                http_bytes: origin.number("http_bytes", row.http_bytes)?,
            },
        })
    }
}

struct Row {
    instance_id: Uuid,
    run_key: Uuid,
    task_index: i32,
    map_index: i32,
    task_id: String,
    state: String,
    reason: Option<String>,
    try_number: i32,
    tries_before: i32,
    worker_id: Option<Uuid>,
    deferred_event: Option<String>,
    cancel_requested_at: Option<DateTime<Utc>>,
    queued_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    note: Option<String>,
}

impl TryFrom<Row> for TaskInstance {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("task_instances", row.instance_id);
        Ok(Self {
            id: TaskInstanceId::from_uuid(row.instance_id),
            run: RunKey::from_uuid(row.run_key),
            task_index: origin.number("task_index", row.task_index)?,
            map_index: row.map_index,
            task_id: origin.name("task_id", &row.task_id)?,
            state: origin.known("state", TaskStateName::parse(&row.state))?,
            reason: origin.known_if_set("reason", row.reason.as_deref(), Reason::parse)?,
            try_number: origin.number("try_number", row.try_number)?,
            tries_before: origin.number("tries_before", row.tries_before)?,
            worker: row.worker_id.map(WorkerId::from_uuid),
            deferred_event: row.deferred_event,
            cancel_requested_at: row.cancel_requested_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            due_at: row.due_at,
            note: row.note,
            last_try: None,
            name: None,
        })
    }
}

/// The task instances of a run, without callbacks, in the order of the dag's tasks, each with its last try.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(tx: &mut Tx<'_>, run: RunKey) -> Result<Vec<TaskInstance>, StoreError> {
    let tenant = tx.tenant();
    let mut instances = sqlx::query_as!(
        Row,
        r#"
        SELECT instance_id, run_key, task_index, map_index, task_id, state, reason, try_number, tries_before, worker_id,
            deferred_event, cancel_requested_at, queued_at, started_at, ended_at, due_at, note
        FROM task_instances WHERE tenant_id = $1 AND run_key = $2 AND NOT is_callback ORDER BY task_index, map_index
        "#,
        tenant,
        run.uuid()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(TaskInstance::try_from)
    .collect::<Result<Vec<_>, _>>()?;
    add_last_tries(tx, &mut instances).await?;
    add_names(tx, &mut instances).await?;
    Ok(instances)
}

/// One task instance, with its last try. `map_index` is -1 for a task that is not mapped.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, run: RunKey, task: &TaskId, map_index: i32) -> Result<TaskInstance, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT instance_id, run_key, task_index, map_index, task_id, state, reason, try_number, tries_before, worker_id,
            deferred_event, cancel_requested_at, queued_at, started_at, ended_at, due_at, note
        FROM task_instances WHERE tenant_id = $1 AND run_key = $2 AND task_id = $3 AND map_index = $4
        "#,
        tenant,
        run.uuid(),
        task.as_str(),
        map_index
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("task instance", task))?;
    let mut instances = [TaskInstance::try_from(row)?];
    add_last_tries(tx, &mut instances).await?;
    add_names(tx, &mut instances).await?;
    let [instance] = instances;
    Ok(instance)
}

async fn add_last_tries(tx: &mut Tx<'_>, instances: &mut [TaskInstance]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = instances.iter().map(|instance| instance.id.uuid()).collect();
    let rows = sqlx::query_as!(
        TryRow,
        r#"
        SELECT DISTINCT ON (instance_id) instance_id, try_number, ending, reason, message, worker_id, queued_at, started_at, ended_at,
            fuel, peak_memory_bytes, wall_us, cpu_us, input_bytes, output_bytes, stdio_bytes, log_bytes,
            http_calls, http_bytes
        FROM tries WHERE tenant_id = $1 AND instance_id = ANY ($2) ORDER BY instance_id, try_number DESC
        "#,
        tenant,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mut tries = std::collections::HashMap::with_capacity(rows.len());
    for row in rows {
        tries.insert(row.instance_id, Try::try_from(row)?);
    }
    for instance in instances {
        instance.last_try = tries.remove(&instance.id.uuid());
    }
    Ok(())
}

/// What instances of mapped tasks are called.
async fn add_names(tx: &mut Tx<'_>, instances: &mut [TaskInstance]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let mapped = instances.iter().filter(|instance| instance.map_index >= 0);
    let ids: Vec<Uuid> = mapped.map(|instance| instance.id.uuid()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"
        SELECT DISTINCT ON (instance_id) instance_id, rendered::jsonb ->> 'map_index_name' AS name
        FROM rendered_inputs WHERE tenant_id = $1 AND instance_id = ANY ($2) ORDER BY instance_id, try_number DESC
        "#,
        tenant,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    let mut names: std::collections::HashMap<_, _> = rows.into_iter().map(|row| (row.instance_id, row.name)).collect();
    for instance in instances {
        instance.name = names.remove(&instance.id.uuid()).flatten();
    }
    Ok(())
}

/// The tries of a task instance that have ended, the first one first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn tries(tx: &mut Tx<'_>, instance: TaskInstanceId) -> Result<Vec<Try>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        TryRow,
        r#"
        SELECT instance_id, try_number, ending, reason, message, worker_id, queued_at, started_at, ended_at,
            fuel, peak_memory_bytes, wall_us, cpu_us, input_bytes, output_bytes, stdio_bytes, log_bytes,
            http_calls, http_bytes
        FROM tries WHERE tenant_id = $1 AND instance_id = $2 ORDER BY try_number
        "#,
        tenant,
        instance.uuid()
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(Try::try_from)
    .collect()
}

/// What a try was given, as JSON text, where something was filled in and the try has lasted or ended.
///
/// # Errors
/// When the database cannot be reached.
pub async fn rendered(tx: &mut Tx<'_>, instance: TaskInstanceId, try_number: u32) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        "SELECT rendered FROM rendered_inputs WHERE tenant_id = $1 AND instance_id = $2 AND try_number = $3",
        tenant,
        instance.uuid(),
        try_number.cast_signed()
    )
    .fetch_optional(tx.conn())
    .await?)
}
