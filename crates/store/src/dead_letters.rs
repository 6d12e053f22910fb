//! Reading dead letters, and putting them aside. What writes them is in [`crate::execution::letters`].

use crate::read::row_of;
use crate::task_instances::{Try, TryRow};
use crate::{Listed, Page, StoreError, Tx};
use chrono::{DateTime, Utc};
use cofferdam_domain::dead_letter::{DeadLetterKind, DeadLetterState, Resolution};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, DeadLetterId, QueueName, TaskId, TaskInstanceId};
use uuid::Uuid;

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// What came to nothing.
    pub kind: DeadLetterKind,
    /// Where it stands.
    pub state: DeadLetterState,
    /// The dag.
    pub dag_id: DagId,
    /// The run.
    pub dag_run_id: DagRunId,
    /// The task.
    pub task_id: TaskId,
    /// Position in a mapped task, or -1.
    pub map_index: i32,
    /// The moment that the run is for.
    pub logical_date: DateTime<Utc>,
    /// The task instance and the state that it has now; nothing when its run was deleted.
    pub instance: Option<(TaskInstanceId, TaskStateName)>,
    /// The last try.
    pub try_number: u32,
    /// Why it failed.
    pub reason: Reason,
    /// What it said.
    pub message: Option<String>,
    /// How many tries it had.
    pub tries: u32,
    /// How often it came here while it was open.
    pub times: u32,
    /// When it first came here.
    pub first_at: DateTime<Utc>,
    /// When it last came here.
    pub at: DateTime<Utc>,
    /// When its task was last run again.
    pub retried_at: Option<DateTime<Utc>>,
    /// How often that was.
    pub retries: u32,
    /// When it was resolved or discarded.
    pub closed_at: Option<DateTime<Utc>>,
    /// How it was resolved.
    pub resolution: Option<Resolution>,
    /// Who discarded it.
    pub discarded_by: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// What a dead letter has beside that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterContent {
    /// Every try up to then, the first one first.
    pub history: Vec<Try>,
    /// What the last one was given, as JSON text, where it is known.
    pub rendered: Option<String>,
    /// Of a message.
    pub body: Option<DeadMessage>,
}

/// A message that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMessage {
    /// The queue that it came from.
    pub queue: Option<QueueName>,
    /// Its first bytes.
    pub kept: Vec<u8>,
    /// How many bytes it had.
    pub size_bytes: u64,
}

/// Which letters are meant. What is empty or nothing does not bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// These.
    pub ids: Vec<DeadLetterId>,
    /// Of these dags.
    pub dags: Vec<DagId>,
    /// Of runs of these names.
    pub runs: Vec<DagRunId>,
    /// Of these tasks.
    pub tasks: Vec<TaskId>,
    /// With one of these reasons.
    pub reasons: Vec<Reason>,
    /// Of one of these kinds.
    pub kinds: Vec<DeadLetterKind>,
    /// In one of these states.
    pub states: Vec<DeadLetterState>,
    /// That came here last in this time.
    pub at: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

/// The order of a list of letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLetterOrder {
    /// The one that came last first.
    #[default]
    Latest,
    /// The one that came first first.
    Earliest,
    /// By dag and task.
    Task,
    /// By dag and task, backwards.
    TaskBackwards,
    /// By reason.
    Reason,
    /// By reason, backwards.
    ReasonBackwards,
}

struct Row {
    letter_id: Uuid,
    kind: String,
    state: String,
    dag_id: String,
    dag_run_id: String,
    task_id: String,
    map_index: i32,
    logical_date: DateTime<Utc>,
    instance_id: Option<Uuid>,
    instance_state: Option<String>,
    try_number: i32,
    reason: String,
    message: Option<String>,
    tries: i32,
    times: i32,
    first_at: DateTime<Utc>,
    at: DateTime<Utc>,
    retried_at: Option<DateTime<Utc>>,
    retries: i32,
    closed_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
    discarded_by: Option<String>,
    note: Option<String>,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let origin = row_of("dead_letters", row.letter_id);
        let state = origin.known_if_set("instance_state", row.instance_state.as_deref(), TaskStateName::parse)?;
        Ok(Self {
            id: DeadLetterId::from_uuid(row.letter_id),
            kind: origin.known("kind", DeadLetterKind::parse(&row.kind))?,
            state: origin.known("state", DeadLetterState::parse(&row.state))?,
            dag_id: origin.name("dag_id", &row.dag_id)?,
            dag_run_id: origin.name("dag_run_id", &row.dag_run_id)?,
            task_id: origin.name("task_id", &row.task_id)?,
            map_index: row.map_index,
            logical_date: row.logical_date,
            instance: row.instance_id.map(TaskInstanceId::from_uuid).zip(state),
            try_number: origin.number("try_number", row.try_number)?,
            reason: origin.known("reason", Reason::parse(&row.reason))?,
            message: row.message,
            tries: origin.number("history", row.tries)?,
            times: origin.number("times", row.times)?,
            first_at: row.first_at,
            at: row.at,
            retried_at: row.retried_at,
            retries: origin.number("retries", row.retries)?,
            closed_at: row.closed_at,
            resolution: origin.known_if_set("resolution", row.resolution.as_deref(), Resolution::parse)?,
            discarded_by: row.discarded_by,
            note: row.note,
        })
    }
}

/// A filter as the queries take it.
struct Bounds<'a> {
    ids: Vec<Uuid>,
    dags: Vec<&'a str>,
    runs: Vec<&'a str>,
    tasks: Vec<&'a str>,
    reasons: Vec<&'a str>,
    kinds: Vec<&'a str>,
    states: Vec<&'a str>,
}

impl<'a> Bounds<'a> {
    fn of(filter: &'a DeadLetterFilter) -> Self {
        Self {
            ids: filter.ids.iter().map(|id| id.uuid()).collect(),
            dags: filter.dags.iter().map(DagId::as_str).collect(),
            runs: filter.runs.iter().map(DagRunId::as_str).collect(),
            tasks: filter.tasks.iter().map(TaskId::as_str).collect(),
            reasons: filter.reasons.iter().map(|reason| reason.as_str()).collect(),
            kinds: filter.kinds.iter().map(|kind| kind.as_str()).collect(),
            states: filter.states.iter().map(|state| state.as_str()).collect(),
        }
    }
}

/// The list in one order. An order that PostgreSQL can take from an index must stand in the text of the query.
macro_rules! ordered {
    ($order:literal, $tenant:expr, $bounds:expr, $at:expr, $page:expr, $tx:expr) => {
        sqlx::query_as!(
            Row,
            r#"
            SELECT l.letter_id, l.kind, l.state, l.dag_id, l.dag_run_id, l.task_id, l.map_index, l.logical_date, l.instance_id,
                ti.state AS "instance_state?", l.try_number, l.reason, l.message, jsonb_array_length(l.history) AS "tries!", l.times,
                l.first_at, l.at, l.retried_at, l.retries, l.closed_at, l.resolution, l.discarded_by, l.note
            FROM dead_letters l LEFT JOIN task_instances ti ON ti.instance_id = l.instance_id
            WHERE l.tenant_id = $1 AND (cardinality($2::uuid[]) = 0 OR l.letter_id = ANY ($2))
              AND (cardinality($3::text[]) = 0 OR l.dag_id = ANY ($3)) AND (cardinality($4::text[]) = 0 OR l.dag_run_id = ANY ($4))
              AND (cardinality($5::text[]) = 0 OR l.task_id = ANY ($5)) AND (cardinality($6::text[]) = 0 OR l.reason = ANY ($6))
              AND (cardinality($7::text[]) = 0 OR l.kind = ANY ($7)) AND (cardinality($8::text[]) = 0 OR l.state = ANY ($8))
              AND ($9::timestamptz IS NULL OR l.at >= $9) AND ($10::timestamptz IS NULL OR l.at <= $10)
            ORDER BY "# + $order + " LIMIT $11 OFFSET $12",
            $tenant,
            &$bounds.ids,
            &$bounds.dags as &[&str],
            &$bounds.runs as &[&str],
            &$bounds.tasks as &[&str],
            &$bounds.reasons as &[&str],
            &$bounds.kinds as &[&str],
            &$bounds.states as &[&str],
            $at.0,
            $at.1,
            $page.limit(),
            $page.offset()
        )
        .fetch_all($tx.conn())
        .await?
    };
}

/// The tenant's letters that pass the filter.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(
    tx: &mut Tx<'_>,
    filter: &DeadLetterFilter,
    order: DeadLetterOrder,
    page: Page,
) -> Result<Listed<DeadLetter>, StoreError> {
    let tenant = tx.tenant();
    let (bounds, at) = (Bounds::of(filter), filter.at);
    let total = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM dead_letters l
        WHERE l.tenant_id = $1 AND (cardinality($2::uuid[]) = 0 OR l.letter_id = ANY ($2))
          AND (cardinality($3::text[]) = 0 OR l.dag_id = ANY ($3)) AND (cardinality($4::text[]) = 0 OR l.dag_run_id = ANY ($4))
          AND (cardinality($5::text[]) = 0 OR l.task_id = ANY ($5)) AND (cardinality($6::text[]) = 0 OR l.reason = ANY ($6))
          AND (cardinality($7::text[]) = 0 OR l.kind = ANY ($7)) AND (cardinality($8::text[]) = 0 OR l.state = ANY ($8))
          AND ($9::timestamptz IS NULL OR l.at >= $9) AND ($10::timestamptz IS NULL OR l.at <= $10)
        "#,
        tenant,
        &bounds.ids,
        &bounds.dags as &[&str],
        &bounds.runs as &[&str],
        &bounds.tasks as &[&str],
        &bounds.reasons as &[&str],
        &bounds.kinds as &[&str],
        &bounds.states as &[&str],
        at.0,
        at.1
    )
    .fetch_one(tx.conn())
    .await?;
    let rows = match order {
        DeadLetterOrder::Latest => ordered!("l.at DESC, l.letter_id DESC", tenant, bounds, at, page, tx),
        DeadLetterOrder::Earliest => ordered!("l.at, l.letter_id", tenant, bounds, at, page, tx),
        DeadLetterOrder::Task => ordered!("l.dag_id, l.task_id, l.map_index, l.letter_id", tenant, bounds, at, page, tx),
        DeadLetterOrder::TaskBackwards => {
            ordered!("l.dag_id DESC, l.task_id DESC, l.map_index DESC, l.letter_id DESC", tenant, bounds, at, page, tx)
        }
        DeadLetterOrder::Reason => ordered!("l.reason, l.letter_id", tenant, bounds, at, page, tx),
        DeadLetterOrder::ReasonBackwards => ordered!("l.reason DESC, l.letter_id DESC", tenant, bounds, at, page, tx),
    };
    let items = rows.into_iter().map(DeadLetter::try_from).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: total.cast_unsigned() })
}

/// One letter.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: DeadLetterId) -> Result<DeadLetter, StoreError> {
    let filter = DeadLetterFilter { ids: vec![id], ..DeadLetterFilter::default() };
    let listed = list(tx, &filter, DeadLetterOrder::Latest, Page::first(1)).await?;
    listed.items.into_iter().next().ok_or_else(|| StoreError::not_found("dead letter", id))
}

/// What a letter has beside what lists show.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn content(tx: &mut Tx<'_>, id: DeadLetterId) -> Result<DeadLetterContent, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT history, rendered, queue, body, body_bytes FROM dead_letters WHERE tenant_id = $1 AND letter_id = $2",
        tenant,
        id.uuid()
    )
    .fetch_optional(tx.conn())
    .await?
    .ok_or_else(|| StoreError::not_found("dead letter", id))?;
    let origin = row_of("dead_letters", id);
    let kept: Vec<TryRow> = origin.known("history", serde_json::from_value(row.history).ok())?;
    let queue = row.queue.as_deref().map(|queue| origin.name("queue", queue)).transpose()?;
    let body = match (row.body, row.body_bytes) {
        (Some(kept), Some(size)) => Some(DeadMessage { queue, kept, size_bytes: origin.number("body_bytes", size)? }),
        _ => None,
    };
    Ok(DeadLetterContent {
        history: kept.into_iter().map(Try::try_from).collect::<Result<_, _>>()?,
        rendered: row.rendered,
        body,
    })
}

/// Puts open letters aside. Returns those that were open.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn discard(
    tx: &mut Tx<'_>,
    ids: &[DeadLetterId],
    by: &str,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<DeadLetterId>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let done = sqlx::query_scalar!(
        r#"
        UPDATE dead_letters SET state = 'discarded', discarded_by = $3, note = coalesce($4, note), closed_at = $5
        WHERE tenant_id = $1 AND letter_id = ANY ($2) AND state = 'open' RETURNING letter_id
        "#,
        tenant,
        &ids,
        by,
        note,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(done.into_iter().map(DeadLetterId::from_uuid).collect())
}
