//! The callbacks of a run and its deadlines, for those who look.

use crate::read::row_of;
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_domain::definition::DeadlineFrom;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{RunKey, TaskId};

/// A callback that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledBack {
    /// What it was called for.
    pub event: CallbackEvent,
    /// The task to which that happened; nothing when it happened to the run.
    pub subject: Option<TaskId>,
    /// Position in a mapped task, or -1.
    pub subject_map_index: i32,
    /// The try of the task; of a run, how often that has happened to it.
    pub subject_try: u32,
    /// When it was called.
    pub called_at: DateTime<Utc>,
    /// The name of the callback, by which its log is found.
    pub task_id: TaskId,
    /// Which of its instances it is, counted from -1.
    pub map_index: i32,
    /// Its own state.
    pub state: TaskStateName,
    /// Why, where there is more to say.
    pub reason: Option<Reason>,
    /// Its own try.
    pub try_number: u32,
    /// When its last try started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What its last try said.
    pub message: Option<String>,
}

/// A deadline of a run or of one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The task; nothing for the run.
    pub task_id: Option<TaskId>,
    /// From when it is counted.
    pub from: DeadlineFrom,
    /// Milliseconds after that.
    pub after_ms: u64,
    /// When it is, once that is known.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was found to be missed.
    pub missed_at: Option<DateTime<Utc>>,
}

/// The callbacks that a run has called, in the order in which it did.
///
/// # Errors
/// When the database cannot be reached.
pub async fn of_run(tx: &mut Tx<'_>, run: RunKey) -> Result<Vec<CalledBack>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        SELECT c.event, c.subject_task_id, c.subject_map_index, c.try_number AS subject_try, c.called_at, ti.instance_id, ti.task_id,
            ti.map_index, ti.state, ti.reason, ti.try_number, ti.started_at, ti.ended_at,
            (SELECT t.message FROM tries t WHERE t.instance_id = ti.instance_id ORDER BY t.try_number DESC LIMIT 1) AS message
        FROM callbacks c JOIN task_instances ti USING (instance_id)
        WHERE c.tenant_id = $1 AND c.run_key = $2 ORDER BY c.called_at, ti.instance_id
        "#,
        tenant,
        run.uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = row_of("callbacks", row.instance_id);
            Ok(CalledBack {
                event: origin.known("event", CallbackEvent::parse(&row.event))?,
                subject: row.subject_task_id.as_deref().map(|name| origin.name("subject_task_id", name)).transpose()?,
                subject_map_index: row.subject_map_index,
                subject_try: origin.number("try_number", row.subject_try)?,
                called_at: row.called_at,
                task_id: origin.name("task_id", &row.task_id)?,
                map_index: row.map_index,
                state: origin.known("state", TaskStateName::parse(&row.state))?,
                reason: origin.known_if_set("reason", row.reason.as_deref(), Reason::parse)?,
                try_number: origin.number("try_number", row.try_number)?,
                started_at: row.started_at,
                ended_at: row.ended_at,
                message: row.message,
            })
        })
        .collect()
}

/// The deadlines of a run that lie ahead or were missed; that of the run first, then in the order of the tasks.
///
/// # Errors
/// When the database cannot be reached.
pub async fn deadlines(tx: &mut Tx<'_>, run: RunKey) -> Result<Vec<Deadline>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"
        SELECT task_id, counted_from, after_ms, due_at, missed_at FROM deadlines WHERE tenant_id = $1 AND run_key = $2
        ORDER BY subject_index
        "#,
        tenant,
        run.uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = row_of("deadlines", run);
            let from = DeadlineFrom::ALL.iter().copied().find(|from| from.as_str() == row.counted_from);
            Ok(Deadline {
                task_id: row.task_id.as_deref().map(|name| origin.name("task_id", name)).transpose()?,
                from: origin.known("counted_from", from)?,
                after_ms: origin.number("after_ms", row.after_ms)?,
                due_at: row.due_at,
                missed_at: row.missed_at,
            })
        })
        .collect()
}
